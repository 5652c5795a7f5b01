import ctypes
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from mlserve.predictions.spool import holding


@pytest.mark.parametrize("size", [1, holding.SHORT, holding.SHORT + 1])
def test_what_is_written_stands_in_the_file(size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    with (tmp_path / "file").open("wb", buffering=0) as file:
        assert holding.write(file.fileno(), data) == size
    assert (tmp_path / "file").read_bytes() == data


def test_bytes_behind_a_nul_are_written_too(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        assert holding.write(file.fileno(), b"a\0b\0") == 4
    assert (tmp_path / "file").read_bytes() == b"a\0b\0"


def test_what_fails_says_why() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError) as refused:
        holding.write(full.fileno(), b"x")
    assert refused.value.errno == errno.ENOSPC
    with pytest.raises(OSError) as closed:
        holding.write(-1, b"x")
    assert closed.value.errno == errno.EBADF
    with pytest.raises(OSError) as closed:
        holding.links(-1, holding.Room())
    assert closed.value.errno == errno.EBADF


def test_the_names_of_a_file_are_counted(tmp_path: Path) -> None:
    path, room = tmp_path / "file", holding.Room()
    with path.open("wb") as file:
        found = [holding.links(file.fileno(), room)]
        path.with_name("other").hardlink_to(path)
        found.append(holding.links(file.fileno(), room))
        path.unlink()
        path.with_name("other").unlink()
        found.append(holding.links(file.fileno(), room))
    assert found == [1, 2, 0]


def test_where_the_system_has_no_such_call_python_s_own_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "_write", None)
    monkeypatch.setattr(holding, "_statx", None)
    with (tmp_path / "file").open("wb", buffering=0) as file:
        assert holding.write(file.fileno(), b"kept") == 4
        assert holding.links(file.fileno(), holding.Room()) == 1


@pytest.mark.parametrize("function", [holding._write, holding._statx])
def test_the_lock_of_the_interpreter_is_kept(function: Any) -> None:
    assert type(function)._flags_ & ctypes._FUNCFLAG_PYTHONAPI  # type: ignore[attr-defined]
