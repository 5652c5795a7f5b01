"""Reading segments: in order for the shipper, by the beginning of a payload for whoever asks for one id.

Files are read, not mapped: a writer may cut a torn record off, and touching a mapped page behind the end of a file
kills the process.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mlserve.ids import is_id
from mlserve.predictions.spool.frame import HEADER_SIZE, length_at, payload_at, payloads_at

_CHUNK = 1 << 20


@dataclass(frozen=True, order=True)
class Segment:
    """One file of the spool; names sort by the time of their making."""

    name: str
    path: Path

    def size(self) -> int:
        """Bytes now in the file; 0 if it has been removed."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


def segments(folder: Path) -> list[Segment]:
    """All segments of the folder that have their final name, oldest first."""
    try:
        paths = list(folder.glob("*.open"))
    except FileNotFoundError:
        return []
    return sorted(Segment(path.stem, path) for path in paths if is_id(path.stem))


@dataclass
class Stretch:
    """Consecutive records of a segment. `end` is the position behind the last one; `stuck`: the next is not whole."""

    payloads: list[bytes] = field(default_factory=list)
    end: int = 0
    stuck: bool = False


class SegmentFile:
    """An open segment. `complete` is settled before anything is read: its writer is gone, so nothing will be added."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.complete = _is_free(descriptor)
        self.size = os.fstat(descriptor).st_size

    @classmethod
    def open(cls, segment: Segment) -> Self:
        """Raises FileNotFoundError for a segment that was removed meanwhile."""
        return cls(os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, position: int, records: int, size: int) -> Stretch:
        """Up to `records` records from `position`, until they are `size` bytes together (at least one record)."""
        stretch = Stretch(end=position)
        while len(stretch.payloads) < records and stretch.end - position < size:
            data = self._bytes(stretch.end)
            taken = _take(data, records - len(stretch.payloads), stretch)
            if not taken:
                stretch.stuck = stretch.end < self.size
                break
        return stretch

    def payloads(self, position: int) -> Iterator[bytes]:
        """All whole payloads from `position` on."""
        start: int | None = position
        records = 1  # Who asks for the first one alone does not wait for the others.
        while start is not None:
            stretch = self.read(start, records=records, size=_CHUNK)
            records = 1000
            yield from stretch.payloads
            if stretch.payloads:
                start = stretch.end
            else:
                start = self.resume(start) if stretch.stuck else None

    def resume(self, position: int) -> int | None:
        """Where reading goes on when the bytes at `position` are no whole frame; None if the rest of it may come.

        A writer writes one frame after the other. So what is followed by a whole frame is damaged, even while the
        writer lives; but the last one may be half seen, and is only given up once the writer is gone.
        """
        end = self.next_whole(position)
        return end if self.complete or end < self.size else None

    def is_all_there(self, position: int) -> bool:
        """Whether the file holds all bytes of the frame at `position`, by its header: then it was not torn."""
        length = length_at(header := self.bytes_between(position, position + HEADER_SIZE), 0)
        return len(header) == HEADER_SIZE and (length is None or position + length <= self.size)

    def is_shorter_than(self, position: int) -> bool:
        """Whether the file ends before `position` now: its size of before may be older than the position."""
        size = os.fstat(self._descriptor).st_size
        self.size = min(self.size, size)
        return size < position

    def next_whole(self, position: int) -> int:
        """Where the first whole frame behind `position` begins; the segment's size if there is none."""
        data = os.pread(self._descriptor, self.size - position, position)
        start = 0
        while (start := data.find(b'{"', start + 1)) >= 0:
            begin = start - HEADER_SIZE
            if begin > 0 and payload_at(data, begin) is not None:
                return position + begin
        return self.size

    def count(self, position: int, end: int) -> tuple[int, int]:
        """How many whole frames stand between two positions, damage left out, and where the last of them ends."""
        records, last = 0, position
        while position < end:
            data = self._bytes(position)
            offset = 0
            while (payload := payload_at(data, offset)) is not None:
                length = HEADER_SIZE + len(payload)
                if position + offset + length > end:
                    return records, last
                offset += length
                records += 1
            if offset:
                position = last = position + offset
            elif (beyond := self.resume(position)) is None:
                break
            else:
                position = beyond
        return records, last

    def bytes_between(self, start: int, end: int) -> bytes:
        return os.pread(self._descriptor, end - start, start)

    def find(self, head: bytes, position: int) -> bytes | None:
        """The payload behind `position` that begins with `head`, if its frame is whole."""
        overlap = len(head) + HEADER_SIZE
        while position < self.size:
            data = os.pread(self._descriptor, _CHUNK + overlap, position)
            start = -1
            while (start := data.find(head, start + 1)) >= 0:
                payload = self._payload(position + start - HEADER_SIZE)
                if payload is not None:
                    return payload
            position += _CHUNK
        return None

    def _payload(self, position: int) -> bytes | None:
        return payload_at(self._bytes(position), 0) if position >= 0 else None

    def _bytes(self, position: int) -> bytes:
        """A chunk from `position` that holds at least the whole first frame, if the file does."""
        data = os.pread(self._descriptor, _CHUNK, position)
        length = length_at(data, 0)
        if length is not None and len(data) < length <= self.size - position:
            data = os.pread(self._descriptor, length, position)
        return data


def find(folder: Path, head: bytes, positions: Mapping[str, int]) -> bytes | None:
    """The payload that begins with `head` among those not yet shipped: behind each segment's position, or 0."""
    for segment in reversed(segments(folder)):
        position = _unshipped_from(segment, positions)
        if position is None:
            continue
        try:
            with SegmentFile.open(segment) as file:
                payload = file.find(head, position)
        except FileNotFoundError:
            continue
        if payload is not None:
            return payload
    return None


def unshipped(folder: Path, positions: Mapping[str, int]) -> Iterator[bytes]:
    """All whole payloads behind the positions, oldest segment first, damage left out as `find` and the shipper do."""
    for segment in segments(folder):
        position = _unshipped_from(segment, positions)
        if position is None:
            continue
        try:
            with SegmentFile.open(segment) as file:
                yield from file.payloads(position)
        except FileNotFoundError:
            continue


def _unshipped_from(segment: Segment, positions: Mapping[str, int]) -> int | None:
    """Where the part of a segment begins that is not shipped; None if there is none.

    One that was cut below its position is shipped again from its beginning.
    """
    position, size = positions.get(segment.name, 0), segment.size()
    if size == position:
        return None
    return position if size > position else 0


def sweep(folder: Path) -> None:
    """Removes files that a writer made and never came to name, because it was killed in between."""
    for path in folder.glob("*.new"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            # A writer that is just about to lock its file will find it gone, and make another.
            if _is_free(descriptor):
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _take(data: bytes, limit: int, stretch: Stretch) -> int:
    """Moves up to `limit` whole frames from the beginning of `data` to the stretch; how many."""
    payloads, offset = payloads_at(data, 0, limit)
    stretch.payloads += payloads
    stretch.end += offset
    return len(payloads)


def _is_free(descriptor: int) -> bool:
    """Whether the writer's lock is gone. A shared lock asks for it, so that readers do not look like writers."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
