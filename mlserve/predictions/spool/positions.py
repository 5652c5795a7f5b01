"""How far each segment is shipped: rows of SQL that move in the same transaction as the records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from mlserve.db.chunks import in_chunks
from mlserve.db.insert import insert_into
from mlserve.predictions.tables import spool_positions

# Built once, because the shipper runs them at each pass.
_IN = select(spool_positions).where(spool_positions.c.segment.in_(bindparam("names", expanding=True)))
_LOCK = select(spool_positions).where(spool_positions.c.segment == bindparam("name")).with_for_update()
_MOVE = (
    update(spool_positions)
    .where(spool_positions.c.segment == bindparam("name"))
    .values({name: bindparam(name) for name in ("position", "records", "set_aside", "finished_at")})
)


@dataclass(frozen=True)
class Place:
    """Where the shipper stands in a segment: bytes, records shipped and set aside; `finished_at` once all is done."""

    position: int = 0
    records: int = 0
    set_aside: int = 0
    finished_at: datetime | None = None


def places(connection: Connection, names: Sequence[str]) -> dict[str, Place]:
    """The places in these segments; segments that nothing is shipped of are absent."""
    found: dict[str, Place] = {}
    for chunk in in_chunks(names):
        for row in connection.execute(_IN, {"names": chunk}):
            found[row.segment] = Place(row.position, row.records, row.set_aside, row.finished_at)
    return found


def positions_of(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    return {name: place.position for name, place in places(connection, names).items()}


def lock_place(connection: Connection, name: str) -> Place:
    """The place in one segment, which nobody else can move until this transaction ends."""
    row = connection.execute(_LOCK, {"name": name}).first()
    if row is None:
        insert = insert_into(spool_positions, connection.dialect.name)
        new = insert.values(segment=name, position=0, records=0, set_aside=0)
        connection.execute(new.on_conflict_do_nothing())
        row = connection.execute(_LOCK, {"name": name}).one()
    return Place(row.position, row.records, row.set_aside, row.finished_at)


def move_place(connection: Connection, name: str, place: Place) -> None:
    fields = {"position": place.position, "records": place.records, "set_aside": place.set_aside}
    connection.execute(_MOVE, {"name": name, "finished_at": place.finished_at} | fields)


def forget_place(connection: Connection, name: str) -> None:
    """To be called once the segment's file is gone, never before: without its place it would be shipped again."""
    connection.execute(delete(spool_positions).where(spool_positions.c.segment == name))


def now() -> datetime:
    return datetime.now(UTC)
