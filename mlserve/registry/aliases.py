"""Aliases: names for versions that can be moved, one mover at a time, and that remember where they have been.

What changes something needs a write transaction, and leaves an event in it.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, delete, select

from mlserve import events
from mlserve.db.insert import insert_into
from mlserve.errors import AliasUnknown, NothingBefore, NotSupported, SignatureBreaks, Stale, VersionRetired
from mlserve.events import NOBODY, Author, Kind, kinds
from mlserve.events.tables import events as events_table
from mlserve.names import MODEL_NAME
from mlserve.registry import service
from mlserve.registry.tables import aliases as aliases_table
from mlserve.registry.tables import versions as versions_table
from mlserve.signature import Signature
from mlserve.signature.compatible import breaks


@dataclass(frozen=True)
class Alias:
    """Where an alias points. `revision` grows with every move, also over a removal: who has seen one knows it again."""

    model: str
    alias: str
    version: int
    revision: int
    moved_at: datetime
    moved_by: str


@dataclass(frozen=True)
class Seen:
    """What a mover has seen of an alias before: a revision, or None where there was no such alias."""

    revision: int | None


def of_model(connection: Connection, model: str) -> list[Alias]:
    """A model's aliases by name."""
    a = aliases_table.c
    rows = connection.execute(select(aliases_table).where(a.model == model).order_by(a.alias)).mappings()
    return [Alias(**row) for row in rows]


def find(connection: Connection, model: str, alias: str) -> Alias | None:
    a = aliases_table.c
    row = connection.execute(select(aliases_table).where(a.model == model, a.alias == alias)).mappings().first()
    return None if row is None else Alias(**row)


def get(connection: Connection, model: str, alias: str) -> Alias:
    """Raises AliasUnknown."""
    _require_name(alias)
    found = find(connection, model, alias)
    if found is None:
        raise AliasUnknown(f"Model {model} has no alias {alias!r}.")
    return found


def move(
    connection: Connection,
    model: str,
    alias: str,
    version: int,
    *,
    seen: Seen | None = None,
    author: Author = NOBODY,
    force: bool = False,
    back: bool = False,
    families: Container[str] | None = None,
) -> Alias:
    """Let the alias name that version. Of two who have `seen` the same and move it at once, one wins.

    Without `force`, callers of the alias must be able to go on as before, and the version must be of one of `families`,
    those of the process that is asked. `back` says that it is a rollback, which the next one walks over. Nothing
    happens where the alias names the version already. Raises Stale, with the state that there is; ModelUnknown,
    AliasUnknown for what is no name of one, VersionUnknown, VersionRetired, NotSupported, SignatureBreaks.
    """
    _require_name(alias)
    service.lock(connection, model)
    current = find(connection, model, alias)
    if seen is not None and seen.revision != (None if current is None else current.revision):
        raise _stale(model, alias, current)
    row = service.version(connection, model, version)
    if row["retired_at"] is not None:
        raise VersionRetired(
            f"Version {version} of model {model} is retired: no alias can name it any more. Package it anew, for "
            "instance with another --meta, to get a new version."
        )
    if current is not None and current.version == version:
        return current
    if families is not None and not force and row["family"] not in families:
        raise NotSupported(
            f"Version {version} of model {model} is of family {row['family']}, which no enabled plugin brings here."
        )
    if current is not None and not force:
        _refuse_breaks(connection, current, Signature.from_json(row["signature"]), version)
    revision, moved_at = _next(connection, model, alias, current)
    moved = Alias(model, alias, version, revision, moved_at, author.actor)
    insert = insert_into(aliases_table, connection.dialect.name).values(**moved.__dict__)
    changes = {name: insert.excluded[name] for name in ("version", "revision", "moved_at", "moved_by")}
    connection.execute(insert.on_conflict_do_update(index_elements=["model", "alias"], set_=changes))
    after = {"version": version, "revision": moved.revision, **({"back": True} if back else {})}
    _tell(connection, kinds.ALIAS_MOVED, author, moved, _state(current), after)
    return moved


def remove(
    connection: Connection, model: str, alias: str, *, seen: Seen | None = None, author: Author = NOBODY
) -> Alias:
    """Forget the alias; its history stays. Raises ModelUnknown, AliasUnknown, Stale."""
    service.lock(connection, model)
    current = get(connection, model, alias)
    if seen is not None and seen.revision != current.revision:
        raise _stale(model, alias, current)
    a = aliases_table.c
    connection.execute(delete(aliases_table).where(a.model == model, a.alias == alias))
    gone = Alias(model, alias, current.version, current.revision, _now_after(current.moved_at), author.actor)
    _tell(connection, kinds.ALIAS_REMOVED, author, gone, _state(current), None)
    return current


def roll_back(
    connection: Connection, model: str, alias: str, *, seen: Seen | None = None, author: Author = NOBODY
) -> Alias:
    """Let the alias name what it named before; a second rollback leads one further back, not to where it came from.

    Whatever the signatures say: there was a time when callers lived with it. Raises ModelUnknown, AliasUnknown,
    NothingBefore, Stale.
    """
    service.lock(connection, model)
    current = get(connection, model, alias)
    before = version_before(connection, model, alias)
    if before is None:
        raise NothingBefore(
            f"There is nothing further back than version {current.version} for the alias {alias} of model {model}: "
            "move it to a version by its number."
        )
    return move(connection, model, alias, before, seen=seen, author=author, force=True, back=True)


def version_before(connection: Connection, model: str, alias: str) -> int | None:
    """Where a rollback leads: the version before the current one, past the rollbacks and what is retired since."""
    return versions_before(connection, model, alias).get(alias)


def versions_before(connection: Connection, model: str, alias: str | None = None) -> Mapping[str, int]:
    """`version_before` of every alias that has one, asked of the database once for all; or of a single alias."""
    v = versions_table.c
    retired = set(connection.scalars(select(v.number).where(v.model == model, v.retired_at.is_not(None))))
    found = {}
    for name, moves in groupby(_moves(connection, model, alias), lambda move: str(move.alias)):
        path = _path(moves)
        before = (number for number in reversed(path) if number != path[-1] and number not in retired)
        if (number := next(before, None)) is not None:
            found[name] = number
    return found


def at(connection: Connection, model: str, moment: datetime, alias: str | None = None) -> list[dict[str, Any]]:
    """What each alias named at that time: `alias`, `version`, `revision`, and when, by whom and why it was moved there.

    An alias that was not there then is left out.
    """
    latest = {event.alias: event for event in _moves(connection, model, alias, until=moment)}
    return [
        {
            "alias": event.alias,
            "version": event.after["version"],
            "revision": event.after["revision"],
            "moved_at": event.at,
            "moved_by": event.actor,
            "reason": event.reason,
        }
        for _, event in sorted(latest.items(), key=lambda item: str(item[0]))
        if event.after is not None
    ]


def _path(moves: Iterable[events.Event]) -> list[int]:
    """The versions that led to the current one, the current one last: a rollback takes back the steps it goes over."""
    path: list[int] = []
    for move in moves:
        if move.after is None:
            continue  # Whoever makes the alias anew may go back to what it named in its first life.
        number = move.after["version"]
        if move.after.get("back") and number in path:
            while path[-1] != number:
                path.pop()
        else:
            path.append(number)
    return path


def _moves(connection: Connection, model: str, alias: str | None, until: datetime | None = None) -> list[events.Event]:
    """The events that tell where aliases were, each alias's in their order."""
    e = events_table.c
    query = select(events_table).where(e.model == model, e.kind.in_([kinds.ALIAS_MOVED, kinds.ALIAS_REMOVED]))
    if alias is not None:
        query = query.where(e.alias == alias)
    if until is not None:
        query = query.where(e.at <= until)
    # The times of one alias rise strictly, whichever host has moved it; ids come from the hosts' own clocks.
    return [events.Event(**row) for row in connection.execute(query.order_by(e.alias, e.at)).mappings()]


def _next(connection: Connection, model: str, alias: str, current: Alias | None) -> tuple[int, datetime]:
    """The revision and the time of a move: after the last one's, also where the alias was removed meanwhile."""
    if current is not None:
        return current.revision + 1, _now_after(current.moved_at)
    told = _moves(connection, model, alias)[-1:]
    if not told:
        return 1, datetime.now(UTC)
    last = told[0].after or told[0].before  # What came to be, or was removed.
    return 1 + int(last["revision"]), _now_after(told[0].at)


def _now_after(last: datetime) -> datetime:
    """Now; but later than the last move, whatever the clock of the host that made it said."""
    return max(datetime.now(UTC), last + datetime.resolution)


def _require_name(alias: str) -> None:
    """Raises AliasUnknown for what is no name of an alias, which no database is asked for."""
    if not MODEL_NAME.fullmatch(alias):
        raise AliasUnknown(f"{alias!r} is no name of an alias: at most 63 characters a-z, 0-9 and -, a letter first.")


def _refuse_breaks(connection: Connection, current: Alias, new: Signature, version: int) -> None:
    old = service.signature(connection, current.model, current.version)
    differences = [] if old is None else breaks(old, new)
    if differences:
        problems = [one.problem for one in differences]
        raise SignatureBreaks(
            f"Version {version} of model {current.model} would break callers of {current.alias}, which names version "
            f"{current.version}: {'; '.join(one.sentence for one in differences)}.",
            problems=problems,
        )


def _stale(model: str, alias: str, current: Alias | None) -> Stale:
    if current is None:
        stale = Stale(f"Model {model} has no alias {alias!r} any more.")
    else:
        by = f" by {current.moved_by}" if current.moved_by else ""
        stale = Stale(
            f"The alias {alias} of model {model} is at revision {current.revision}: it was moved to version "
            f"{current.version}{by}."
        )
    stale.members["current"] = _state(current)
    return stale


def _state(current: Alias | None) -> dict[str, Any] | None:
    return None if current is None else {"version": current.version, "revision": current.revision}


def _tell(
    connection: Connection, kind: Kind, author: Author, moved: Alias, before: Any, after: dict[str, Any] | None
) -> None:
    events.record(
        connection,
        kind,
        author,
        model=moved.model,
        version=moved.version,
        alias=moved.alias,
        before=before,
        after=after,
        at=moved.moved_at,
    )
    service.changed(connection)
