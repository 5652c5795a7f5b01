"""What waits in a host's spool: for health, the command line and the last words at shutdown."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from time import time
from typing import Any

from mlserve.db.engine import Database
from mlserve.errors import DatabaseUnavailable
from mlserve.ids import timestamp_of
from mlserve.observability.health import Degraded
from mlserve.predictions.record import glimpse
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.positions import Place, places
from mlserve.predictions.spool.reader import Segment, SegmentFile
from mlserve.predictions.spool.set_aside import set_aside_names


@dataclass(frozen=True)
class Backlog:
    """What is not in SQL yet: whole records, their bytes, and the age of the oldest in seconds (0 if there is none).

    `known` is false while the database is down and nothing was learnt from it before: then all of it may be there.
    """

    backlog_records: int = 0
    backlog_bytes: int = 0
    lag_seconds: float = 0.0
    set_aside: int = 0
    known: bool = True

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def late_after(interval: float) -> float:
    """For how many seconds a record may wait for a shipper that looks every `interval` seconds."""
    return 60.0 + 2 * interval


class SpoolGauge:
    """Measures the spool of a folder, for any thread. Each call reads only what was written since the call before.

    A record that waits for more than `late` seconds waits for a shipper that is gone, hangs or is too slow.
    """

    def __init__(self, folder: Path, database: Database, late: float = math.inf) -> None:
        self._folder = folder
        self._database = database
        self._late = late
        self._lock = Lock()
        # For display only, while the database is down; the shipper itself believes nothing but SQL.
        self._places: dict[str, Place] | None = None
        # By segment: the place it was counted from, how far, and how many records stand before that.
        self._counted: dict[str, tuple[int, int, int]] = {}

    def read(self) -> Backlog:
        with self._lock:
            return self._read()

    def judged(self, state: dict[str, Any]) -> dict[str, Any]:
        """The same state, which holds a Backlog. Raises Degraded with it while the oldest record is late."""
        if state["lag_seconds"] > self._late:
            raise Degraded(state | {"reason": "The oldest record waits too long for the shipper."})
        return state

    def _read(self) -> Backlog:
        segments = reader.segments(self._folder)
        try:
            if segments:
                with self._database.read() as connection:
                    self._places = places(connection, [segment.name for segment in segments])
        except DatabaseUnavailable:
            pass
        known = self._places or {}
        records = size = 0
        oldest = time()
        for segment in segments:
            place = known.get(segment.name, Place())
            if place.finished_at is None and segment.size() != place.position:
                if segment.size() < place.position:
                    # Somebody cut it below its place; the shipper will start again at its beginning.
                    place = Place()
                waiting, ends, made = self._waiting(segment, place)
                records, size, oldest = records + waiting, size + ends - place.position, min(oldest, made)
        self._forget(segments)
        aside = len(set_aside_names(self._folder))
        lag = round(max(0.0, time() - oldest), 3) if records else 0.0
        return Backlog(records, size, lag, aside, known=self._places is not None or not segments)

    def _waiting(self, segment: Segment, place: Place) -> tuple[int, int, float]:
        """Records behind the place, where the last of them ends, and when the first was made (seconds since 1970)."""
        start, position, before = self._counted.get(segment.name, (0, 0, 0))
        if position < place.position or start > place.position:
            # Nothing was counted yet, the shipper was faster, or the segment was cut and is shipped again.
            position, before = place.position, place.records + place.set_aside
        try:
            with SegmentFile.open(segment) as file:
                more, end = file.count(position, file.size)
                first = next(file.payloads(place.position), None)
        except FileNotFoundError:
            return 0, place.position, time()
        self._counted[segment.name] = (place.position, end, before + more)
        waiting = before + more - place.records - place.set_aside
        return waiting, end, _made(first) if first is not None else time()

    def _forget(self, segments: list[Segment]) -> None:
        names = {segment.name for segment in segments}
        self._counted = _only(self._counted, names)


def _only(counted: Mapping[str, tuple[int, int, int]], names: set[str]) -> dict[str, tuple[int, int, int]]:
    return {name: value for name, value in counted.items() if name in names}


def _made(payload: bytes) -> float:
    """When a record was made, in seconds since 1970; now, if it cannot be told."""
    try:
        return timestamp_of(glimpse(payload).id) / 1e6
    except ValueError:
        return time()
