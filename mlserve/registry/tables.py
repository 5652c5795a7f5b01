"""Tables of the registry: models, their immutable numbered versions, and the aliases that name them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import PrimaryKeyConstraint

from mlserve.db.metadata import metadata
from mlserve.db.types import JsonText, UtcTime

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

# One row, whose number every change of versions, aliases or declarations counts up.
registry_revision = Table(
    "registry_revision",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)
