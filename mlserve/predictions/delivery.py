"""One transaction of the shipper: some records of a segment and the new position, together or not at all."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection

from mlserve.db.engine import Database
from mlserve.db.failures import first_line, is_data_error
from mlserve.observability.counters import Counters
from mlserve.predictions.family_tables import FamilyTables, Refused, Rows
from mlserve.predictions.inserts import insert_new
from mlserve.predictions.record import NEWEST, PredictionRecord, decode, glimpse, values
from mlserve.predictions.spool.frame import HEADER_SIZE
from mlserve.predictions.spool.positions import Place, lock_place, move_place, now
from mlserve.predictions.spool.reader import Segment, SegmentFile
from mlserve.predictions.spool.set_aside import set_aside

log = logging.getLogger("mlserve.shipper")

# A transaction takes no more bytes of a segment than this, however few records they are.
_MOST_BYTES = 16 * 1024 * 1024
_WORTH_COPYING = 20
# When so much of column blocks was deflated in a transaction, which takes 25 ms, the others stay as they are: under
# load the workers need the time, and whoever writes to SQLite waits for the transaction.
_MOST_DEFLATED = 1 << 20


# Not frozen: one is made for each record, and a frozen one takes twice as long.
@dataclass(slots=True)
class Parcel:
    """A record on its way: where it stood, what it was there, its row, and those of its explanation."""

    position: int
    payload: bytes
    row: list[Any]
    explained: Rows | None = None


class Delivery:
    """Ships stretches of segments. What the database refuses for its content is set aside and stops nothing else.

    An explanation that its family's table does not take is set aside alone: its prediction is shipped all the same.
    """

    def __init__(self, folder: Path, database: Database, batch: int, counters: Counters, tables: FamilyTables) -> None:
        self._folder = folder
        self._database = database
        self._tables = tables
        self._batch = batch
        self._counters = counters
        self._insert = insert_new(database, ["id"])
        self._explanations_aside = 0  # in the transaction that runs
        self._may_deflate = 0  # bytes, in that transaction

    def ship(self, segment: Segment, file: SegmentFile) -> tuple[int, bool]:
        """How many records were moved, and whether there may be more to move now.

        Raises DatabaseUnavailable or OSError; then nothing has moved.
        """
        self._explanations_aside, self._may_deflate = 0, _MOST_DEFLATED
        with self._database.write() as connection:
            locked = place = lock_place(connection, segment.name)
            if place.finished_at is not None:
                return 0, False
            if file.is_shorter_than(place.position):
                place = self._start_again(segment, file, place)
            stretch = file.read(place.position, self._batch, _MOST_BYTES)
            aside = 0
            if not self._deliver(connection, stretch.payloads):
                parcels, aside = self._unpack(segment, place.position, stretch.payloads)
                aside += self._insert_or_halve(connection, segment, parcels) if parcels else 0
            end = stretch.end
            if stretch.stuck:
                end = self._skip_damage(segment, file, end)
            finished = file.complete and end >= file.size
            moved = len(stretch.payloads)
            new = Place(end, place.records + moved - aside, place.set_aside + aside, now() if finished else None)
            if new != locked:
                move_place(connection, segment.name, new)
        self._counters.add("records_shipped", moved - aside)
        self._counters.add("records_set_aside", aside)
        if self._explanations_aside:
            self._counters.add("explanations_set_aside", self._explanations_aside)
        # Not what a busy writer appended meanwhile: the other segments have their turn first.
        return moved, place.position < end < file.size

    def _unpack(self, segment: Segment, position: int, payloads: list[bytes]) -> tuple[list[Parcel], int]:
        parcels: list[Parcel] = []
        aside = 0
        for payload in payloads:
            try:
                parcels.append(self._parcel(segment, position, payload))
            except (ValueError, OverflowError) as error:
                self._set_aside(segment, position, payload, _why_unreadable(payload, error))
                aside += 1
            position += HEADER_SIZE + len(payload)
        return parcels, aside

    def _parcel(self, segment: Segment, position: int, payload: bytes) -> Parcel:
        record = decode(payload)
        row = self._row(record)
        try:
            return Parcel(position, payload, row, self._tables.rows(record))
        except Refused as error:
            return self._without_explanation(segment, Parcel(position, payload, row), str(error))

    def _row(self, record: PredictionRecord) -> list[Any]:
        if record.inputs_block is None:
            return values(record)
        deflate = self._may_deflate > 0
        self._may_deflate -= len(record.inputs_block)
        return values(record, deflate=deflate)

    def _without_explanation(self, segment: Segment, parcel: Parcel, reason: str) -> Parcel:
        """The parcel of the prediction alone; its payload, explanation included, is set aside."""
        name = set_aside(self._folder, segment.name, parcel.position, parcel.payload, f"its explanation: {reason}")
        fields = {"record": name, "segment": segment.name, "position": parcel.position, "reason": reason}
        log.error("explanation_set_aside", extra={"fields": fields})
        self._explanations_aside += 1
        return replace(parcel, explained=None)

    def _deliver(self, connection: Connection, payloads: list[bytes]) -> bool:
        """Whether all of them were stored together, as nearly always; else nothing is, and each is looked at by itself.

        That takes half as long a record, since none of them is known by more than its row.
        """
        try:
            records = [decode(payload) for payload in payloads]
            rows = [self._row(record) for record in records]
            explained = [self._tables.rows(record) for record in records if record.explanation_text is not UNSET]
        except (ValueError, OverflowError):
            return False
        if not rows:
            return True
        copied = self._database.dialect == "postgresql" and len(rows) >= _WORTH_COPYING
        try:
            with connection.begin_nested():
                # COPY does nothing about records that were stored before: the inserts that follow do.
                (self._insert.copy if copied else self._insert.many)(connection, rows)
                self._tables.insert(connection, explained)
        except Exception as error:
            if connection.invalidated or not (copied or is_data_error(error)):
                raise
            if copied:
                log.info("copy_refused", extra={"fields": {"records": len(rows), "reason": first_line(error)}})
            return False
        return True

    def _insert_or_halve(self, connection: Connection, segment: Segment, parcels: list[Parcel]) -> int:
        """Inserts the parcels; halves what is refused until the guilty stand alone, and sets those aside."""
        try:
            with connection.begin_nested():
                self._insert.many(connection, [parcel.row for parcel in parcels])
                self._tables.insert(connection, [parcel.explained for parcel in parcels])
        except Exception as error:
            if not is_data_error(error):
                raise
            if len(parcels) == 1 and parcels[0].explained is not None:
                return self._insert_without_explanation(connection, segment, parcels[0], first_line(error))
            if len(parcels) == 1:
                self._set_aside(segment, parcels[0].position, parcels[0].payload, first_line(error))
                return 1
            middle = len(parcels) // 2
            first = self._insert_or_halve(connection, segment, parcels[:middle])
            return first + self._insert_or_halve(connection, segment, parcels[middle:])
        return 0

    def _insert_without_explanation(self, connection: Connection, segment: Segment, parcel: Parcel, reason: str) -> int:
        """Which of the two was refused, prediction or explanation: only what was is set aside."""
        if self._insert_or_halve(connection, segment, [replace(parcel, explained=None)]):
            return 1
        self._without_explanation(segment, parcel, reason)
        return 0

    def _skip_damage(self, segment: Segment, file: SegmentFile, start: int) -> int:
        """Where to go on when the bytes at `start` are no whole record; `start` itself if the rest of it may come."""
        end = file.resume(start)
        if end is None:
            return start
        fields = {"segment": segment.name, "position": start, "bytes": end - start}
        if end == file.size and not file.is_all_there(start):
            # The writer was killed while it wrote this; nobody was answered for it.
            log.info("spool_torn_record", extra={"fields": fields})
            return end
        log.error("spool_damaged", extra={"fields": fields})
        self._counters.add("spool_damaged")
        set_aside(self._folder, segment.name, start, file.bytes_between(start, end), "damaged on disk")
        return end

    def _start_again(self, segment: Segment, file: SegmentFile, place: Place) -> Place:
        """The beginning of a segment that somebody cut below its place: what its writer appends from now on stands
        before that place, and would never be shipped. What is shipped twice is ignored for its id.
        """
        fields = {"segment": segment.name, "position": file.size, "bytes": place.position - file.size}
        log.error("spool_damaged", extra={"fields": fields})
        self._counters.add("spool_damaged")
        return Place()

    def _set_aside(self, segment: Segment, position: int, payload: bytes, reason: str) -> None:
        name = set_aside(self._folder, segment.name, position, payload, reason)
        fields = {"record": name, "segment": segment.name, "position": position, "reason": reason}
        log.error("record_set_aside", extra={"fields": fields})


def _why_unreadable(payload: bytes, error: Exception) -> str:
    try:
        found = glimpse(payload).v
    except ValueError:
        return f"not a record: {error}"
    if found > NEWEST:
        return f"format {found} is newer than this version of mlserve knows ({NEWEST})"
    return f"not a record of format {found}: {error}"
