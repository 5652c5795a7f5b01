"""Registering versions and listing what is registered."""

from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, func, insert, select

from mlserve.db.insert import insert_into
from mlserve.registry.tables import models as models_table
from mlserve.registry.tables import versions as versions_table
from mlserve.signature import Signature


class Packaged(Protocol):
    """What a bundle's manifest says that the registry keeps."""

    @property
    def digest(self) -> str: ...

    @property
    def family(self) -> str: ...

    def to_json(self) -> dict[str, Any]: ...


def register(connection: Connection, model: str, manifest: Packaged) -> int:
    """The number of that bundle as a version of the model; a new one, in order of arrival, if the digest is new.

    Needs a write transaction. Of two processes that register at once, the second waits for the first.
    """
    now = datetime.now(UTC)
    new_model = insert_into(models_table, connection.dialect.name).values(name=model, created_at=now)
    connection.execute(new_model.on_conflict_do_nothing())
    connection.execute(select(models_table.c.name).where(models_table.c.name == model).with_for_update())
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
        )
    )
    return number


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
    """All registered models by name: `name`, `created_at`."""
    return [dict(row) for row in connection.execute(select(models_table).order_by(models_table.c.name)).mappings()]


def versions(connection: Connection, model: str) -> list[dict[str, Any]]:
    """A model's versions by number: `model`, `number`, `digest`, `family`, `signature`, `manifest`, `created_at`."""
    query = select(versions_table).where(versions_table.c.model == model).order_by(versions_table.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]
