"""Registering, describing and retiring versions, and listing what is registered.

What changes something needs a write transaction, and leaves an event in it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Select, func, insert, select, text, update

from mlserve import events
from mlserve.db.insert import insert_into
from mlserve.errors import ModelUnknown, VersionInUse, VersionUnknown
from mlserve.events import NOBODY, Author, Kind, kinds
from mlserve.registry.tables import aliases as aliases_table
from mlserve.registry.tables import models as models_table
from mlserve.registry.tables import registry_revision
from mlserve.registry.tables import versions as versions_table
from mlserve.signature import Signature

# What a list of versions tells: what their bundles say may be megabytes of each.
_LISTED = [column for column in versions_table.c if column.name not in ("signature", "manifest")]


class Packaged(Protocol):
    """What a bundle's manifest says that the registry keeps."""

    @property
    def digest(self) -> str: ...

    @property
    def family(self) -> str: ...

    def to_json(self) -> dict[str, Any]: ...


def register(connection: Connection, model: str, manifest: Packaged, author: Author = NOBODY) -> int:
    """The number of that bundle as a version of the model; a new one, in order of arrival, if the digest is new.

    Of two processes that register at once, the second waits for the first.
    """
    now = datetime.now(UTC)
    new_model = insert_into(models_table, connection.dialect.name).values(name=model, created_at=now)
    connection.execute(new_model.on_conflict_do_nothing())
    lock(connection, model)
    number = number_of(connection, model, manifest.digest)
    if number is not None:
        return number
    v = versions_table.c
    number = (connection.scalar(select(func.max(v.number)).where(v.model == model)) or 0) + 1
    content = manifest.to_json()
    connection.execute(
        insert(versions_table).values(
            model=model,
            number=number,
            digest=manifest.digest,
            family=manifest.family,
            signature=content["content"]["signature"],
            manifest=content,
            created_at=now,
            created_by=author.actor,
            tags={},
        )
    )
    after = {"digest": manifest.digest, "family": manifest.family}
    _tell(connection, kinds.VERSION_REGISTERED, author, model=model, version=number, after=after)
    return number


def describe(
    connection: Connection,
    model: str,
    number: int,
    *,
    description: str | None = None,
    tags: Mapping[str, str | None] | None = None,
    author: Author = NOBODY,
) -> None:
    """Change what people have written about a version: the description, and the tags that are given; None removes one.

    Raises ModelUnknown, VersionUnknown.
    """
    lock(connection, model)
    found = version(connection, model, number)
    before = {"description": found["description"], "tags": found["tags"]}
    merged = {**found["tags"], **(tags or {})}
    after = {
        "description": before["description"] if description is None else description,
        "tags": {name: text for name, text in merged.items() if text is not None},
    }
    if after == before:
        return
    v = versions_table.c
    connection.execute(update(versions_table).where(v.model == model, v.number == number).values(**after))
    _tell(connection, kinds.VERSION_DESCRIBED, author, model=model, version=number, before=before, after=after)


def retire(connection: Connection, model: str, number: int, author: Author = NOBODY) -> bool:
    """Let a version answer no more; whether it did until now. Its predictions stay explained by its bundle.

    Raises ModelUnknown, VersionUnknown, and VersionInUse while an alias names it.
    """
    lock(connection, model)
    found = version(connection, model, number)
    if found["retired_at"] is not None:
        return False
    a = aliases_table.c
    names = list(connection.scalars(select(a.alias).where(a.model == model, a.version == number).order_by(a.alias)))
    if names:
        verb, what = ("names", "the alias") if len(names) == 1 else ("name", "these aliases")
        raise VersionInUse(
            f"Version {number} of model {model} is what {' and '.join(names)} {verb}: move or remove {what} first."
        )
    v, now = versions_table.c, datetime.now(UTC)
    connection.execute(update(versions_table).where(v.model == model, v.number == number).values(retired_at=now))
    _tell(connection, kinds.VERSION_RETIRED, author, model=model, version=number, at=now)
    return True


def declared(connection: Connection, model: str) -> str | None:
    """The digest that an INI has declared last for this model; None: no INI has."""
    digest: str | None = connection.scalar(select(models_table.c.declared).where(models_table.c.name == model))
    return digest


def declare(connection: Connection, model: str, digest: str) -> None:
    """Remember what an INI declares now."""
    m = models_table.c
    connection.execute(update(models_table).where(m.name == model).values(declared=digest))
    changed(connection)


def lock(connection: Connection, model: str) -> None:
    """Let all others who want to change this model wait until the transaction is over. Raises ModelUnknown."""
    _require(connection, model, select(models_table.c.name).with_for_update())


def hold_registrations(connection: Connection) -> None:
    """Let all others who register a version wait until this write transaction is over."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time.
        connection.execute(text("LOCK TABLE versions IN SHARE MODE"))


def require(connection: Connection, model: str) -> None:
    """Raises ModelUnknown for a model that was never registered."""
    _require(connection, model, select(models_table.c.name))


def changed(connection: Connection) -> None:
    """Count the registry's revision up, by which every process sees that there is something new."""
    r = registry_revision.c
    connection.execute(update(registry_revision).values(revision=r.revision + 1))


def revision(connection: Connection) -> int:
    """The registry's revision."""
    return int(connection.scalar(select(registry_revision.c.revision)) or 0)


def number_of(connection: Connection, model: str, digest: str) -> int | None:
    """The number under which the model has that bundle; None if it was never registered."""
    v = versions_table.c
    number: int | None = connection.scalar(select(v.number).where(v.model == model, v.digest == digest))
    return number


def signature(connection: Connection, model: str, number: int) -> Signature | None:
    """The signature of a version; None where there is no such version."""
    v = versions_table.c
    found = connection.scalar(select(v.signature).where(v.model == model, v.number == number))
    return None if found is None else Signature.from_json(found)


def models(connection: Connection) -> list[dict[str, Any]]:
    """All registered models by name, each the columns of its row."""
    return [dict(row) for row in connection.execute(select(models_table).order_by(models_table.c.name)).mappings()]


def versions(connection: Connection, model: str) -> list[dict[str, Any]]:
    """A model's versions by number, each the columns of its row without `signature` and `manifest`."""
    v = versions_table.c
    query = select(*_LISTED).where(v.model == model).order_by(v.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def digests(connection: Connection) -> set[str]:
    """The digests of all versions, retired ones too: their predictions are explained by their bundles."""
    return {*connection.scalars(select(versions_table.c.digest))}


def uses(connection: Connection, digest: str) -> bool:
    """Whether any version, also a retired one, is that bundle."""
    v = versions_table.c
    return connection.scalar(select(v.number).where(v.digest == digest).limit(1)) is not None


def newest_versions(
    connection: Connection, model: str, *, below: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """As `versions`, the newest first: those below a number, the last one of the page before."""
    v = versions_table.c
    query = select(*_LISTED).where(v.model == model).order_by(v.number.desc()).limit(limit)
    if below is not None:
        query = query.where(v.number < below)
    return [dict(row) for row in connection.execute(query).mappings()]


def version(connection: Connection, model: str, number: int) -> dict[str, Any]:
    """One version, the columns of its row. Raises VersionUnknown."""
    v = versions_table.c
    found = connection.execute(select(versions_table).where(v.model == model, v.number == number)).mappings().first()
    if found is None:
        raise VersionUnknown(f"Model {model} has no version {number}.")
    return dict(found)


def _require(connection: Connection, model: str, names: Select[tuple[str]]) -> None:
    if connection.scalar(names.where(models_table.c.name == model)) is None:
        raise ModelUnknown(f"There is no model {model!r} in the registry.")


def _tell(connection: Connection, kind: Kind, author: Author, **event: Any) -> None:
    events.record(connection, kind, author, **event)
    changed(connection)
