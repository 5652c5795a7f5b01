"""Segments are read in order, up to what is whole, and searched without being fooled."""

import fcntl
import os
from pathlib import Path

import pytest

from mlserve.predictions.record import decode, encode, payload_head
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.frame import frame
from mlserve.predictions.spool.reader import SegmentFile
from mlserve.predictions.spool.writer import SpoolWriter
from tests.unit.predictions.factories import new_id, record, spool


def segment_of(folder: Path, data: bytes) -> reader.Segment:
    folder.mkdir(exist_ok=True)
    path = folder / f"{new_id()}.open"
    path.write_bytes(data)
    return reader.Segment(path.stem, path)


def test_only_named_segments_count_and_the_oldest_comes_first(tmp_path: Path) -> None:
    made = [segment_of(tmp_path, b"") for _ in range(3)]
    (tmp_path / f"{new_id()}.new").write_bytes(b"")
    (tmp_path / "notes.open").write_bytes(b"")
    assert reader.segments(tmp_path) == made
    assert reader.segments(tmp_path / "absent") == []


def test_reading_stops_at_the_number_of_records_and_goes_on_from_there(tmp_path: Path) -> None:
    payloads = [f"payload {number}".encode() for number in range(10)]
    with SegmentFile.open(segment_of(tmp_path, b"".join(map(frame, payloads)))) as file:
        first = file.read(0, records=4, size=1 << 20)
        second = file.read(first.end, records=100, size=1 << 20)
    assert first.payloads + second.payloads == payloads
    assert (second.end, second.stuck) == (file.size, False)


def test_reading_stops_at_the_number_of_bytes_but_takes_one_record_at_least(tmp_path: Path) -> None:
    big = [bytes([65 + number]) * 3_000_000 for number in range(3)]
    with SegmentFile.open(segment_of(tmp_path, b"".join(map(frame, big)))) as file:
        stretch = file.read(0, records=10, size=4_000_000)
        assert stretch.payloads == big[:2]
        assert file.read(stretch.end, records=10, size=1).payloads == big[2:]


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 20])
def test_a_torn_last_record_is_not_given(tmp_path: Path, cut: int) -> None:
    whole, torn = frame(b"whole"), frame(b"torn record of some length")
    with SegmentFile.open(segment_of(tmp_path, whole + torn[:cut])) as file:
        stretch = file.read(0, records=10, size=1 << 20)
        assert (stretch.payloads, stretch.end, stretch.stuck) == ([b"whole"], len(whole), True)
        assert file.next_whole(stretch.end) == file.size


def test_behind_damage_the_next_whole_record_is_found(tmp_path: Path) -> None:
    frames = [bytearray(frame(encode(record()))) for _ in range(3)]
    frames[1][20] ^= 255
    with SegmentFile.open(segment_of(tmp_path, b"".join(frames))) as file:
        assert file.next_whole(len(frames[0])) == len(frames[0]) + len(frames[1])


def test_counting_goes_by_headers_and_leaves_a_torn_record_out(tmp_path: Path) -> None:
    frames = [frame(b"x" * 1000) for _ in range(5000)]
    data = b"".join(frames)
    with SegmentFile.open(segment_of(tmp_path, data + frames[0][:500])) as file:
        assert file.count(0, file.size) == (5000, len(data))
        assert file.count(len(frames[0]) * 10, file.size)[0] == 4990


def test_an_id_is_found_in_any_segment_but_not_before_its_position(tmp_path: Path) -> None:
    records = [record() for _ in range(50)]
    spool(tmp_path, records, segment_size=8000)
    segments = reader.segments(tmp_path)
    assert len(segments) > 2
    for one in records:
        payload = reader.find(tmp_path, payload_head(one.id), {})
        assert payload is not None
        assert decode(payload) == one
    shipped = {segment.name: segment.size() for segment in segments}
    assert reader.find(tmp_path, payload_head(records[0].id), shipped) is None


def test_an_id_is_found_across_the_border_of_two_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = record()
    payload = encode(one)
    for chunk in range(60, 220):
        monkeypatch.setattr(reader, "_CHUNK", chunk)
        segment = segment_of(tmp_path, frame(b"x" * 100) + frame(payload))
        assert reader.find(tmp_path, payload_head(one.id), {}) == payload
        segment.path.unlink()


def test_an_id_is_found_while_its_writer_goes_on(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 1 << 20)
    for _ in range(5):
        one = record()
        writer.append(encode(one))
        assert reader.find(tmp_path, payload_head(one.id), {}) == encode(one)
    writer.close()


def test_a_reference_that_looks_like_another_record_fools_nobody(tmp_path: Path) -> None:
    victim = record()
    forged = frame(encode(victim)).decode("latin-1")
    spool(tmp_path, [record(reference=forged)])
    assert reader.find(tmp_path, payload_head(victim.id), {}) is None


def test_a_damaged_record_is_not_found(tmp_path: Path) -> None:
    one = record()
    data = bytearray(frame(encode(one)))
    data[-2] ^= 1
    segment_of(tmp_path, bytes(data))
    assert reader.find(tmp_path, payload_head(one.id), {}) is None


def test_segments_that_vanish_meanwhile_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = reader.Segment(new_id(), tmp_path / "gone.open")
    monkeypatch.setattr(reader, "segments", lambda folder: [gone])
    monkeypatch.setattr(reader.Segment, "size", lambda self: 100)
    assert reader.find(tmp_path, b"x", {}) is None
    assert list(reader.unshipped(tmp_path, {})) == []


def test_the_sweep_removes_what_a_killed_writer_left_and_nothing_else(tmp_path: Path) -> None:
    left = tmp_path / f"{new_id()}.new"
    left.write_bytes(b"")
    held = tmp_path / f"{new_id()}.new"
    descriptor = os.open(held, os.O_CREAT | os.O_WRONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    named = segment_of(tmp_path, b"")
    reader.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([held, named.path])
    os.close(descriptor)


def test_half_a_record_at_the_end_of_a_living_segment_is_waited_for_and_damage_before_it_is_not(tmp_path: Path) -> None:
    payloads = [encode(record()) for _ in range(3)]
    frames = [bytearray(frame(payload)) for payload in payloads]
    frames[1][20] ^= 255
    segment = segment_of(tmp_path, b"".join(frames[:2]))
    descriptor = os.open(segment.path, os.O_WRONLY | os.O_APPEND)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    bad = len(frames[0])
    # All of the last frame's bytes are there, and wrong: a reader may have come between its pages.
    with SegmentFile.open(segment) as file:
        assert (file.complete, file.resume(bad)) == (False, None)
    os.write(descriptor, frames[2][:-1])
    with SegmentFile.open(segment) as file:
        assert file.resume(bad) is None
    os.write(descriptor, frames[2][-1:])
    with SegmentFile.open(segment) as file:
        assert file.resume(bad) == bad + len(frames[1])
        assert file.count(0, file.size) == (2, file.size)
    os.close(descriptor)


@pytest.mark.parametrize("alive", [True, False])
def test_whoever_reads_finds_the_same_records_behind_damage(tmp_path: Path, alive: bool) -> None:
    records = [record() for _ in range(4)]
    frames = [bytearray(frame(encode(one))) for one in records]
    frames[1][20] ^= 255
    segment = segment_of(tmp_path, b"".join(frames))
    descriptor = os.open(segment.path, os.O_WRONLY | os.O_APPEND)
    if alive:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    whole = [encode(records[number]) for number in (0, 2, 3)]
    assert list(reader.unshipped(tmp_path, {})) == whole
    assert list(reader.unshipped(tmp_path, {segment.name: len(frames[0])})) == whole[1:]
    found = [reader.find(tmp_path, payload_head(one.id), {}) for one in records]
    assert found == [whole[0], None, *whole[1:]]
    os.close(descriptor)


def test_a_segment_cut_below_its_position_is_read_from_its_beginning(tmp_path: Path) -> None:
    one = record()
    segment = segment_of(tmp_path, frame(encode(one)))
    positions = {segment.name: segment.size() + 1}
    assert list(reader.unshipped(tmp_path, positions)) == [encode(one)]
    assert reader.find(tmp_path, payload_head(one.id), positions) == encode(one)
