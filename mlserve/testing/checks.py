"""What all checks of the contract suite share: what a subclass says of itself, and the fixtures made of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlserve.errors import MlserveError
from mlserve.inference import LoadedVersion
from mlserve.signature import Signature
from mlserve.testing.application import Served, serving
from mlserve.testing.instances import instances_of
from mlserve.testing.subject import Subject


class Checks:
    """A subclass names its plugin and makes an artefact; the rest has defaults."""

    plugin: ClassVar[str]  # as in `mlserve.plugins`: the name of its entry point, or its dotted name
    artefact: ClassVar[Callable[[Path], Path]]  # writes a model file, with its sidecars, into a folder
    settings: ClassVar[Mapping[str, str]] = {}  # further INI keys
    tolerance: ClassVar[float] = 0.0  # relative: how far an answer may depend on the batch that it is part of
    patience: ClassVar[float] = 30.0  # seconds that a damaged artefact may take until it is refused

    def instances(self, signature: Signature, count: int) -> Sequence[Mapping[str, Any]]:
        """What the model is asked; a family that needs more sense in its inputs overrides it."""
        return instances_of(signature, count)

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, tmp_path_factory: pytest.TempPathFactory) -> Subject:
        """The family, with the artefact that the subclass makes once."""
        path = cls.artefact(tmp_path_factory.mktemp("artefact"))
        try:
            return Subject.of(cls.plugin, path, cls.settings)
        except MlserveError as error:
            pytest.fail(f"The plugin cannot be enabled, or its artefact not be inspected: {error}", pytrace=False)

    @pytest.fixture
    def loaded(self, subject: Subject) -> Iterator[LoadedVersion]:
        """The artefact, loaded as a server loads it."""
        yield (version := subject.load())
        version.close()

    @pytest.fixture
    def app(self, subject: Subject, tmp_path: Path) -> Iterator[Served]:
        """A started application that serves the artefact as the model `subject`."""
        with serving(subject.settings(tmp_path)) as served:
            yield served
