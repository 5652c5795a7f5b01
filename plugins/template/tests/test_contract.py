"""The plugin keeps mlserve's contract."""

from pathlib import Path

from mlserve.testing import ContractSuite

DELAYS = '{"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}, "origin": {"EWR": 3, "JFK": -0.5}}}'


def write_delays(folder: Path) -> Path:
    path = folder / "delays.template"
    path.write_text(DELAYS)
    return path


class TestContract(ContractSuite):
    plugin = "mlserve_template"
    artefact = staticmethod(write_delays)
