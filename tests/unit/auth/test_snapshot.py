"""This host's copy of the keys and users."""

import stat
from pathlib import Path

import pytest

from mlserve.auth import snapshot
from mlserve.auth.keys import known_key
from mlserve.auth.snapshot import Seen
from mlserve.auth.users import known_user


def test_what_was_written_is_read_again_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    seen = Seen(
        {"d1": known_key("k1", "app", ["predict"], ["a"], None), "d2": known_key("k2", "b", [], None, None)},
        {"ada": known_user("ada", "g1", ["admin"], None)},
    )
    snapshot.write(path, seen)
    assert snapshot.read(path) == seen
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 2}', b'{"format": 1, "keys": 1}', b"\xff"])
def test_an_unreadable_snapshot_lets_nobody_in(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "access.json"
    path.write_bytes(content)
    assert snapshot.read(path) is None
