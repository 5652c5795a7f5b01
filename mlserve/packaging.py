"""Packaging with the installed plugins: finds the family of a model without an INI, and verifies in a fresh process."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlserve import bundles
from mlserve.application import Application
from mlserve.bundles import Bundle, BundleStore, Manifest, archive, open_folder
from mlserve.errors import BundleError, ConfigurationError, MlserveError
from mlserve.inference import Maker, ModelFamily
from mlserve.inference.golden import replay
from mlserve.inference.loaded import LoadedVersion, load_version
from mlserve.plugins import installed
from mlserve.startup import build

_PATIENCE = 600.0


@dataclass(frozen=True)
class Verdict:
    """What verifying found: the bundle's manifest, how many golden rows were asked, and every fault in a sentence.

    `died` says that the process that loaded it did not live to tell: to load it in another one would end that too.
    """

    manifest: Manifest
    rows: int
    faults: tuple[str, ...]
    died: bool = False


def package(model: Any, data: Any, *, plugins: Sequence[str] = (), **options: Any) -> Manifest:
    """`mlserve.bundles.package` with the family that an installed plugin brings for `model`, on its default settings.

    `plugins` are names as in `mlserve.plugins`; all installed ones unless given. Raises ConfigurationError where no
    family, or more than one, takes the model, and what `mlserve.bundles.package` raises.
    """
    application = application_of(plugins)
    family = _family_of(application, model)
    return bundles.package(model, data, family=family, settings=_settings(application, family), **options)


def verify(path: Path, *, plugins: Sequence[str] = (), trust: bool = False) -> Verdict:
    """Check every byte of a bundle, a folder or an archive, then load it in a fresh process and replay its golden rows.

    Raises BundleError where it is no sound bundle. `trust` allows a format that runs code when it is loaded.
    """
    with opened(path) as bundle:
        found = _in_a_fresh_process(bundle, plugins, trust)
        return Verdict(bundle.manifest, found["rows"], tuple(found["faults"]), found.get("died", False))


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The checked bundle of a folder, or of an archive, which is unpacked for as long as the block runs."""
    if path.is_dir():
        yield open_folder(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield archive.read(path, BundleStore(Path(folder)))


def replay_folder(folder: Path, plugins: Sequence[str], trust: bool) -> dict[str, Any]:
    """How many golden rows the bundle in `folder` has, and what is wrong with it here, each in one sentence."""
    bundle = open_folder(folder)
    manifest = bundle.manifest
    golden = manifest.golden
    rows = 0 if golden is None else len(golden["instances"])
    try:
        with closing(load(bundle, application_of(plugins), trust)) as loaded:
            differences = [] if golden is None else replay(loaded, golden)
        return {"rows": rows, "faults": [str(difference) + "." for difference in differences]}
    except MlserveError as error:
        return {"rows": rows, "faults": [str(error)]}


def load(bundle: Bundle, application: Application, trust: bool) -> LoadedVersion:
    """The version in a bundle, of no number yet. Raises ConfigurationError, BundleError, SignatureError."""
    manifest = bundle.manifest
    family = application.families.get(manifest.family)
    if family is None:
        raise ConfigurationError(f"No installed plugin brings the family {manifest.family}.")
    if family.runs_code and not trust:
        raise BundleError(f"Loading a {family.name} model runs code that it brings: say that you trust it.")
    return load_version(
        family,
        bundle.artefact,
        identity={"model": manifest.name or "", "version": 0, "digest": manifest.digest, "plugin": ""},
        signature=manifest.signature,
        manifest=manifest.to_json(),
        settings=_settings(application, family),
        limits=application.limits,
    )


def application_of(plugins: Sequence[str]) -> Application:
    """An application of these plugins that is never started: nothing is opened, no environment variable counts."""
    names = " ".join(plugins or sorted(installed()))
    with tempfile.TemporaryDirectory() as folder:
        config = build({"mlserve.plugins": names, "mlserve.var": folder}, here=None, environ={}, serves=False)
    application: Application = config.registry.mlserve
    return application


def _family_of(application: Application, model: Any) -> ModelFamily:
    if isinstance(model, str | Path):
        return application.families.reading(Path(model).suffix, str(model))
    with tempfile.TemporaryDirectory() as folder:
        for family in application.families:
            if isinstance(family, Maker) and family.save(model, Path(folder)) is not None:
                return family
    known = ", ".join(family.name for family in application.families) or "none"
    raise ConfigurationError(f"No family saves a {type(model).__name__} (families: {known}): give a model file.")


def _settings(application: Application, family: ModelFamily) -> Mapping[str, Any]:
    return application.settings.section(f"mlserve.{family.name}")


def _in_a_fresh_process(bundle: Bundle, plugins: Sequence[str], trust: bool) -> dict[str, Any]:
    question = json.dumps([str(bundle.folder), list(plugins), trust])
    # The same modules are found there as here.
    program = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from mlserve.packaging import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", program, question, json.dumps(sys.path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return _dead(f"The process that loaded it gave no answer in {_PATIENCE:.0f} seconds.")
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    last = done.stderr.strip().splitlines()[-1:] or ["it did not say why"]
    how = f"with {signal.Signals(-done.returncode).name}" if done.returncode < 0 else f"with status {done.returncode}"
    return _dead(f"The process that loaded it ended {how}: {last[0]}")


def _dead(fault: str) -> dict[str, Any]:
    return {"rows": 0, "faults": [fault], "died": True}


def main() -> None:
    """What the fresh process does: the question is its first argument, the answer its last line."""
    folder, plugins, trust = json.loads(sys.argv[1])
    sys.stdout.write("\n" + json.dumps(replay_folder(Path(folder), plugins, trust)) + "\n")
