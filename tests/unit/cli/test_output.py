"""Tables that keep what they are given."""

import json

import pytest

from mlserve.cli.output import print_json_lines, print_table, printable


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


def test_what_a_terminal_would_take_as_a_command_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "".join(map(chr, [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0xD800]))
    assert {*printable(evil)} == {"\N{REPLACEMENT CHARACTER}"}
    plain = "Straße, 東京 – 🛫 [x]\n\tfine"
    assert printable(plain) == plain
    print_table((("name",)), [(f"a{evil}b",)])
    assert not {*capsys.readouterr().out} & {*evil}
    told = {"name": evil.replace(chr(0xD800), "")}
    print_json_lines([told])
    line = capsys.readouterr().out
    assert not {*line} & {*evil}
    assert json.loads(line) == told
