"""Tables of the registry: models, their immutable numbered versions, the aliases that name them, and what happened."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import PrimaryKeyConstraint

from mlserve.db.metadata import metadata
from mlserve.db.types import JsonText, UtcTime, UuidText

models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("declared", Text),  # the digest of what an INI declared last
)

versions = Table(
    "versions",
    metadata,
    Column("model", Text, ForeignKey(models.c.name), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("signature", JsonText, nullable=False),
    Column("manifest", JsonText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("tags", JsonText, nullable=False, server_default="{}"),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("retired_at", UtcTime),
    PrimaryKeyConstraint("model", "number"),
    UniqueConstraint("model", "digest"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("model", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("moved_at", UtcTime, nullable=False),
    Column("moved_by", Text, nullable=False),
    PrimaryKeyConstraint("model", "alias"),
    ForeignKeyConstraint(["model", "version"], [versions.c.model, versions.c.number]),
)

# Append-only: triggers refuse to change or remove a row.
events = Table(
    "events",
    metadata,
    Column("id", UuidText, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text),
    Column("version", Integer),
    Column("alias", Text),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", JsonText),
    Column("after", JsonText),
    Column("request_id", Text),
    Index("ix_events_model_id", "model", "id"),
)

# One row, whose number every change of versions or aliases counts up.
registry_revision = Table(
    "registry_revision",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)
