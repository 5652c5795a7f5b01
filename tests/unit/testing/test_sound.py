"""The suite fails nobody who keeps the rules: a family that uses everything that a signature can say passes it."""

from pathlib import Path

from mlserve.testing import ContractSuite


def write_scale(folder: Path) -> Path:
    path = folder / "scale.sound"
    path.write_text('{"scale": 1.5}')
    return path


class TestSound(ContractSuite):
    plugin = "tests.unit.testing.sound"
    artefact = staticmethod(write_scale)
