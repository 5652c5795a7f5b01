"""This host's copy of the registry."""

import json
import stat
from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.registry.registered import Known, Registered
from mlserve.registry.snapshot import Snapshot

REGISTERED = Registered(
    versions={"line": {1: Known("d1", "linear"), 2: Known("d2", "linear", retired=True)}},
    aliases={"line": {"champion": 1}},
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    first = Snapshot(path)
    assert (first.number("line", "d1"), first.written_at) == (None, None)
    first.keep(REGISTERED)
    first.declared["line"] = "d1"
    first.write()
    again = Snapshot(path)
    assert (again.number("line", "d1"), again.number("line", "d2"), again.number("other", "d1")) == (1, 2, None)
    assert again.registered() == REGISTERED
    assert again.declared == {"line": "d1"}
    assert again.written_at is not None
    assert again.written_at.endswith("Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["registry.json"]


def test_the_snapshot_of_an_earlier_release_knows_versions_and_no_aliases(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"format": 1, "written_at": "2026-01-01T00:00:00Z", "versions": {"line": {"d": 4}}}))
    assert Snapshot(path).registered() == Registered(versions={"line": {4: Known("d", "")}})


def test_an_alias_of_a_version_that_the_file_lost_is_none(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"format": 1, "aliases": {"line": {"champion": 4}}}))
    assert Snapshot(path).registered().aliases == {"line": {}}


def test_a_snapshot_without_news_keeps_the_time_at_which_it_was_right(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"format": 1, "written_at": "2026-01-01T00:00:00Z", "versions": {"line": {"d1": 1}}}))
    snapshot = Snapshot(path)
    snapshot.write()
    assert snapshot.written_at == "2026-01-01T00:00:00Z"
    assert json.loads(path.read_text())["written_at"] == "2026-01-01T00:00:00Z"
    snapshot.keep(REGISTERED)
    snapshot.write()
    assert Snapshot(path).number("line", "d1") == 1
    assert Snapshot(path).written_at != "2026-01-01T00:00:00Z"


def test_a_snapshot_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.mkdir()
    snapshot = Snapshot(path)
    snapshot.keep(REGISTERED)
    with pytest.raises(ConfigurationError, match=r"registry\.json cannot be written \(Is a directory\).*mlserve\.var"):
        snapshot.write()
    assert [file.name for file in tmp_path.iterdir()] == ["registry.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": 2, "versions": {"line": {"d": 1}}}',
        b'{"format": 1, "versions": ["line"]}',
        b'{"format": 1, "versions": {"line": {"d": "1"}}}',
        b'{"format": 1, "versions": {"line": 1}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_or_foreign_snapshot_knows_nothing_and_stops_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "registry.json"
    path.write_bytes(content)
    snapshot = Snapshot(path)
    assert snapshot.number("line", "d") is None
    snapshot.keep(REGISTERED)
    snapshot.write()
    assert Snapshot(path).number("line", "d1") == 1
