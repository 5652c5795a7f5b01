"""Tables that keep what they are given."""

import pytest

from mlserve.cli.output import print_table


def test_a_table_in_a_pipe_keeps_its_cells_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = "[x]" * 500
    print_table(("name", "value"), [("a", long), ("[bold]b", "1")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "value"]
    assert lines[1].split() == ["a", long]
    assert lines[2].split() == ["[bold]b", "1"]  # What looks like markup is data.


def test_a_table_without_rows_has_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "value"), [])
    assert capsys.readouterr().out.split() == ["name", "value"]
