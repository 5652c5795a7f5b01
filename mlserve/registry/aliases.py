"""Aliases: names for versions that can be moved, one mover at a time, and that remember where they have been.

What changes something needs a write transaction, and leaves an event in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from mlserve.db.insert import insert_into
from mlserve.errors import AliasUnknown, NothingBefore, SignatureBreaks, Stale, VersionRetired
from mlserve.registry import events, service
from mlserve.registry.service import NOBODY, Author
from mlserve.registry.tables import aliases as aliases_table
from mlserve.registry.tables import events as events_table
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
) -> Alias:
    """Let the alias name that version. Of two who have `seen` the same and move it at once, one wins.

    Without `force`, callers of the alias must be able to go on as before. `back` says that it is a rollback, which the
    next one walks over. Nothing happens where the alias names the version already. Raises Stale, with the state that
    there is; ModelUnknown, VersionUnknown, VersionRetired, SignatureBreaks.
    """
    service.lock(connection, model)
    current = find(connection, model, alias)
    if seen is not None and seen.revision != (None if current is None else current.revision):
        raise _stale(model, alias, current)
    row = service.version(connection, model, version)
    if row["retired_at"] is not None:
        raise VersionRetired(f"Version {version} of model {model} is retired: no alias can name it any more.")
    if current is not None and current.version == version:
        return current
    if current is not None and not force:
        _refuse_breaks(connection, current, Signature.from_json(row["signature"]), version)
    moved = Alias(
        model, alias, version, _next_revision(connection, model, alias, current), _now_after(current), author.actor
    )
    insert = insert_into(aliases_table, connection.dialect.name).values(**moved.__dict__)
    changes = {name: insert.excluded[name] for name in ("version", "revision", "moved_at", "moved_by")}
    connection.execute(insert.on_conflict_do_update(index_elements=["model", "alias"], set_=changes))
    after = {"version": version, "revision": moved.revision, **({"back": True} if back else {})}
    _tell(connection, author, events.ALIAS_MOVED, moved, _state(current), after)
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
    gone = Alias(model, alias, current.version, current.revision, _now_after(current), author.actor)
    _tell(connection, author, events.ALIAS_REMOVED, gone, _state(current), None)
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
            f"The alias {alias} of model {model} names version {current.version}, and never named another one that "
            "could answer again."
        )
    return move(connection, model, alias, before, seen=seen, author=author, force=True, back=True)


def version_before(connection: Connection, model: str, alias: str) -> int | None:
    """Where a rollback leads: the version before the current one, past the rollbacks and what is retired since."""
    v = versions_table.c
    retired = set(connection.scalars(select(v.number).where(v.model == model, v.retired_at.is_not(None))))
    path = _path(_moves(connection, model, alias))
    current = path[-1] if path else None
    return next((number for number in reversed(path) if number != current and number not in retired), None)


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
    query = select(events_table).where(e.model == model, e.kind.in_([events.ALIAS_MOVED, events.ALIAS_REMOVED]))
    if alias is not None:
        query = query.where(e.alias == alias)
    if until is not None:
        query = query.where(e.at <= until)
    # The times of one alias rise strictly, whichever host has moved it; ids come from the hosts' own clocks.
    return [events.Event(**row) for row in connection.execute(query.order_by(e.alias, e.at)).mappings()]


def _next_revision(connection: Connection, model: str, alias: str, current: Alias | None) -> int:
    """One more than the last, also where the alias was removed meanwhile."""
    if current is not None:
        return current.revision + 1
    last = _moves(connection, model, alias)[-1:]
    return 1 + max((int((move.after or move.before)["revision"]) for move in last), default=0)


def _now_after(current: Alias | None) -> datetime:
    """Now; but later than the last move, whatever the clock of the host that made it said."""
    now = datetime.now(UTC)
    if current is None or now > current.moved_at:
        return now
    return current.moved_at + datetime.resolution


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
    connection: Connection, author: Author, kind: str, moved: Alias, before: Any, after: dict[str, Any] | None
) -> None:
    events.record(
        connection,
        kind=kind,
        model=moved.model,
        version=moved.version,
        alias=moved.alias,
        actor=author.actor,
        reason=author.reason,
        request_id=author.request_id,
        before=before,
        after=after,
        at=moved.moved_at,
    )
    service.changed(connection)
