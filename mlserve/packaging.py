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
from types import MappingProxyType
from typing import Any

from mlserve import bundles
from mlserve.application import Application
from mlserve.bundles import Bundle, BundleStore, Manifest, archive, open_folder
from mlserve.errors import BundleError, ConfigurationError, MlserveError
from mlserve.inference import Imported, Maker, ModelFamily
from mlserve.inference.golden import Replay, replay
from mlserve.inference.loaded import LoadedVersion
from mlserve.part import Part
from mlserve.plugins import installed
from mlserve.registry.loading import load_bundle
from mlserve.settings import changed_settings
from mlserve.startup import build

_PATIENCE = 600.0


@dataclass(frozen=True)
class Verdict:
    """What verifying found: the bundle's manifest, how many golden rows were asked, and every fault in a sentence.

    `deviation` is how far an answer is off within the tolerance, at most. `died` says that the process that loaded it
    did not live to tell: to load it in another one would end that too.
    """

    manifest: Manifest
    rows: int
    faults: tuple[str, ...]
    deviation: float = 0.0
    died: bool = False

    @property
    def told(self) -> str:
        """How the golden rows were answered where there is no fault, as the end of a sentence."""
        if not self.deviation:
            return f"{self.rows} golden predictions are answered as before"
        packaged = self.manifest.provenance
        where = ", ".join(str(packaged[name]) for name in ("platform", "processor") if packaged.get(name))
        there = f"; packaged on {where}" if where else ""
        return (
            f"{self.rows} golden predictions are answered within the tolerance of before "
            f"(off by at most {self.deviation:.2g}{there})"
        )


def package(
    model: Any, data: Any = None, *, plugins: Sequence[str] = (), application: Application | None = None, **options: Any
) -> Manifest:
    """`mlserve.bundles.package` with the family that an installed plugin brings for `model`.

    Plugins and the families' settings are those of `application` where one is given; else `plugins` are names as in
    `mlserve.plugins`, all installed ones unless given, on their default settings. Raises ConfigurationError where no
    family, or more than one, takes the model, and what `mlserve.bundles.package` raises.

    A folder is read by the importer that knows it; without `data` its own input example is the sample.
    """
    application = application or application_with(plugins)
    with tempfile.TemporaryDirectory() as folder:
        imported = _imported(application, model, Path(folder))
        if imported is not None:
            model = imported.artefact
            data = imported.sample if data is None else data
        family = _family_of(application, model)
        section = f"mlserve.{family.name}"
        return bundles.package(
            model,
            data,
            family=family,
            settings=application.settings.section(section),
            changed=changed_settings(application.settings, section),
            imported=imported,
            **options,
        )


def verify(
    path: Path, *, plugins: Sequence[str] = (), trust: bool = False, application: Application | None = None
) -> Verdict:
    """Check every byte of a bundle, a folder or an archive, then load it in a fresh process and replay its golden rows.

    Plugins, the families' settings and the digests that are trusted are those of `application` where one is given.
    Raises BundleError where it is no sound bundle. `trust` allows a format that runs code when it is loaded.
    """
    texts: dict[str, str] = {}
    with opened(path) as bundle:
        if application is not None:
            settings = application.settings
            plugins = settings["mlserve.plugins"]
            trust = trust or bundle.manifest.digest in settings["mlserve.trust.digests"]
            for family in application.families:
                texts |= settings.texts(f"mlserve.{family.name}")
        here = str(application.settings.here) if application else None
        found = _in_a_fresh_process(bundle, [list(plugins), texts, here], trust)
        return Verdict(
            bundle.manifest,
            found["rows"],
            tuple(found["faults"]),
            found.get("deviation", 0.0),
            found.get("died", False),
        )


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The checked bundle of a folder, or of an archive, which is unpacked for as long as the block runs."""
    if path.is_dir():
        yield open_folder(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield archive.read(path, BundleStore(Path(folder)))


def replay_folder(
    folder: Path, plugins: Sequence[str], texts: Mapping[str, str], here: str | None, trust: bool
) -> dict[str, Any]:
    """How many golden rows the bundle in `folder` has, and what is wrong with it here, each in one sentence.

    `texts` are settings of families, as in an INI in the folder `here`.
    """
    bundle = open_folder(folder)
    manifest = bundle.manifest
    golden = manifest.golden
    rows = 0 if golden is None else len(golden["instances"])
    try:
        with closing(load(bundle, application_with(plugins, texts, here), trust)) as loaded:
            found = Replay((), 0.0) if golden is None else replay(loaded, golden)
        faults = [f"{difference}." for difference in found.differences]
        return {"rows": rows, "faults": faults, "deviation": found.deviation}
    except MlserveError as error:
        return {"rows": rows, "faults": [str(error)]}


def load(bundle: Bundle, application: Application, trust: bool) -> LoadedVersion:
    """The version in a bundle, of no number yet. Raises ConfigurationError, BundleError, SignatureError."""
    manifest = bundle.manifest
    family = application.families.get(manifest.family)
    if family is None:
        missing = application.families.missing(manifest.family)
        raise ConfigurationError(f"It is of family {manifest.family}, {missing}.")
    if family.runs_code and not trust:
        raise BundleError(f"Loading a {family.name} model runs code that it brings: say that you trust it (--trust).")
    return load_bundle(application, family, bundle, {"model": manifest.name or "", "version": 0})


def application_with(
    plugins: Sequence[str], texts: Mapping[str, str] = MappingProxyType({}), here: str | None = None
) -> Application:
    """An application of these plugins that is never started: nothing is opened, no environment variable counts.

    `texts` are settings besides, as in an INI in the folder `here`.
    """
    names = " ".join(plugins or sorted(installed()))
    with tempfile.TemporaryDirectory() as folder:
        settings = {**texts, "mlserve.plugins": names, "mlserve.var": folder}
        config = build(settings, here=here, environ={}, part=Part.COMMAND)
    application: Application = config.registry.mlserve
    return application


def _imported(application: Application, model: Any, folder: Path) -> Imported | None:
    """What an importer reads in a folder; None for a model file and a live model. Raises ConfigurationError."""
    if not isinstance(model, str | Path) or not Path(model).is_dir():
        return None
    for importer in application.importers.values():
        if importer.reads(Path(model)):
            return importer.read(Path(model), folder)
    known = ", ".join(application.importers) or "none is installed"
    raise ConfigurationError(f"{model} is a folder that no importer reads ({known}): give a model file.")


def _family_of(application: Application, model: Any) -> ModelFamily:
    if isinstance(model, str | Path):
        if not Path(model).exists():
            raise BundleError(f"{model} cannot be read: No such file or directory.")
        return application.families.reading(Path(model).suffix, str(model))
    with tempfile.TemporaryDirectory() as folder:
        for family in application.families:
            if isinstance(family, Maker) and family.save(model, Path(folder)) is not None:
                return family
    known = ", ".join(family.name for family in application.families) or "none"
    raise ConfigurationError(f"No family saves a {type(model).__name__} (families: {known}): give a model file.")


def _in_a_fresh_process(bundle: Bundle, surroundings: Sequence[Any], trust: bool) -> dict[str, Any]:
    """What `replay_folder` says there, of these plugins, texts and their folder."""
    question = json.dumps([str(bundle.folder), *surroundings, trust])
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
    folder, *others = json.loads(sys.argv[1])
    sys.stdout.write("\n" + json.dumps(replay_folder(Path(folder), *others)) + "\n")
