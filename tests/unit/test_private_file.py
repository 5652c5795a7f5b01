"""Files that only their owner may read: whole or not there."""

import stat
from pathlib import Path

import pytest

from mlserve import private_file


def test_a_file_is_replaced_whole_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("before")
    path.chmod(0o644)
    private_file.replace(path, b"after")
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        private_file.replace(path, b"after")
    assert [*tmp_path.iterdir()] == [path]


def test_what_is_made_once_stays_as_the_first_has_made_it(tmp_path: Path) -> None:
    path = tmp_path / "session.key"
    assert private_file.made_once(path, b"first") == b"first"
    assert private_file.made_once(path, b"second") == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]
