"""What `mlserve predictions` prints of large predictions."""

import json

import msgspec
import pytest

from mlserve.cli.predictions import PRINTERS
from tests.unit.predictions.factories import record


def printed(form: str, outputs: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    PRINTERS[form]([record(n=len(outputs), outputs=msgspec.Raw(json.dumps(outputs).encode()))])
    return capsys.readouterr().out


def test_a_table_shows_the_first_outputs_and_csv_all(capsys: pytest.CaptureFixture[str]) -> None:
    outputs: list[object] = [{"value": float(number)} for number in range(10_000)]
    table = printed("table", outputs, capsys).splitlines()
    assert len(table) == 2
    assert table[1].rstrip().endswith('[{"value": 0.0},{"value": 1.0}, … 9,998 more]')
    assert '{""value"": 9999.0}' in printed("csv", outputs, capsys)


@pytest.mark.parametrize("outputs", [[1], [1, 2]])
def test_a_few_outputs_are_shown_whole(outputs: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    assert printed("table", outputs, capsys).rstrip().endswith(json.dumps(outputs, separators=(",", ":")))


def test_an_output_that_is_a_large_tensor_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed("table", [{"tensor": [0.5] * 10_000}], capsys)
    assert len(table.splitlines()[1]) < 1000
    assert "…]" in table
