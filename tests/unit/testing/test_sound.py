"""The suite fails nobody who keeps the rules: a family that uses everything that a signature can say passes it."""

from pathlib import Path

import pytest

from mlserve.testing import ContractSuite


def write_scale(folder: Path) -> Path:
    path = folder / "scale.sound"
    path.write_text('{"scale": 1.5}')
    return path


@pytest.mark.exhaustive
class TestSound(ContractSuite):
    plugin = "tests.unit.testing.sound"
    artefact = staticmethod(write_scale)
