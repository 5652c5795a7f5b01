"""What is set aside is on disk, private, named by its id, and the same when it is done twice."""

import stat
from pathlib import Path

from mlserve.predictions.record import encode
from mlserve.predictions.spool.set_aside import SetAside, set_aside, set_aside_names
from tests.unit.predictions.factories import new_id, read_set_aside, record


def test_a_record_is_kept_whole_under_its_id_with_the_reason(tmp_path: Path) -> None:
    one, segment = record(reference="a\nb"), new_id()
    for _ in range(2):
        assert set_aside(tmp_path, segment, 17, encode(one), "too\nlong") == one.id
    assert set_aside_names(tmp_path) == [one.id]
    assert read_set_aside(tmp_path, one.id) == (SetAside(segment, 17, "too\nlong"), encode(one))


def test_what_has_no_id_is_named_by_its_place(tmp_path: Path) -> None:
    segment = new_id()
    for position, payload in enumerate([b"\x00\xff", b'{"v":1}', b'{"v":1,"id":"../../escape"}', b'{"id":7}']):
        assert set_aside(tmp_path, segment, position, payload, "broken") == f"{segment}-{position}"
    assert len(set_aside_names(tmp_path)) == 4
    assert read_set_aside(tmp_path, f"{segment}-0")[1] == b"\x00\xff"


def test_the_files_are_private_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    set_aside(tmp_path, new_id(), 0, b"x", "broken")
    home = tmp_path / "set-aside"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [(path.suffix, stat.S_IMODE(path.stat().st_mode)) for path in home.iterdir()] == [(".record", 0o600)]


def test_without_any_there_are_no_names(tmp_path: Path) -> None:
    assert set_aside_names(tmp_path) == []
