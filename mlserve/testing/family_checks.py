"""Checks of a plugin and its family, before anything is predicted."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from mlserve.errors import MlserveError
from mlserve.plugins import find
from mlserve.signature import Decoder, OutputEncoder, Signature
from mlserve.testing.application import settings_of
from mlserve.testing.checks import Checks
from mlserve.testing.subject import Subject

# Builds an application without plugins and one with the plugin, and tells what is imported for the second only.
_ENABLE = """
import json, sys
from mlserve.startup import build
settings = json.loads(sys.argv[1])
build({**settings, "mlserve.plugins": ""}, here=None)
before = set(sys.modules)
build(settings, here=None)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


class FamilyChecks(Checks):
    """The module, the family's attributes, `inspect` and what enabling the plugin costs."""

    def test_the_module_is_a_plugin(self) -> None:
        try:
            find(self.plugin)
        except MlserveError as error:
            raise AssertionError(str(error)) from error

    def test_the_family_has_its_attributes(self, subject: Subject) -> None:
        family = subject.family
        assert isinstance(family.formats, tuple), "formats must be a tuple of file suffixes."
        for suffix in family.formats:
            assert isinstance(suffix, str), f"formats must hold suffixes as text, not {suffix!r}."
            assert suffix.startswith("."), f"formats must hold suffixes with their dot: {suffix!r} has none."
        assert isinstance(family.runs_code, bool), "runs_code must be True or False."
        for name in ("inspect", "load", "libraries"):
            assert callable(getattr(family, name, None)), f"The family needs a method {name}()."
        libraries = family.libraries()
        assert isinstance(libraries, dict), "libraries() must be a dict of name and version."
        for name, version in libraries.items():
            assert isinstance(version, str), f"libraries() must give {name}'s version as text, not {version!r}."

    def test_inspect_gives_a_servable_signature(self, subject: Subject) -> None:
        signature = subject.signature
        try:
            Decoder(signature, max_instances=1, max_problems=1)
            OutputEncoder(signature)
        except MlserveError as error:
            raise AssertionError(f"The signature that inspect() gives cannot be served: {error}") from error
        assert signature.outputs, "inspect() must name at least one output."
        assert Signature.from_json(json.loads(json.dumps(signature.to_json()))) == signature, (
            "The signature must hold JSON values only: it does not survive a bundle's manifest."
        )

    def test_inspect_depends_on_the_file_alone(self, subject: Subject, tmp_path: Path) -> None:
        before = _digest(subject.artefact)
        elsewhere = tmp_path / f"another-name{subject.artefact.suffix}"
        shutil.copyfile(subject.artefact, elsewhere)
        found = [subject.family.inspect(path) for path in (subject.artefact, subject.artefact, elsewhere)]
        assert found[0] == found[1], "inspect() must give the same signature each time: it is part of the digest."
        assert found[0] == found[2], "inspect() must not depend on the file's name or folder: a bundle has its own."
        assert _digest(subject.artefact) == before, "inspect() must leave the artefact as it is."

    def test_enabling_the_plugin_imports_no_model_library(self, subject: Subject) -> None:
        added = _imported(self.plugin)
        imports = {module for library in subject.family.libraries() for module in _modules_of(library)}
        assert not added & imports, (
            f"Enabling the plugin imports {', '.join(sorted(added & imports))}: import the library in inspect() and "
            "load(), and look for it with importlib.util.find_spec in includeme."
        )


@cache
def _imported(plugin: str) -> frozenset[str]:
    """The names of the modules that a fresh process imports to enable the plugin, beside those of mlserve."""
    settings = settings_of(Path("never-opened"), plugins=plugin, models={})
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", _ENABLE, json.dumps(settings)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"The plugin cannot be enabled in a fresh process: {done.stderr[-1000:]}"
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def _modules_of(library: str) -> set[str]:
    """What a library's distribution, or the module of that name, is imported as."""
    try:
        files = metadata.files(library) or []
    except metadata.PackageNotFoundError:
        files = []
    return {library} | {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
