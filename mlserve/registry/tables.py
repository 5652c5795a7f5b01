"""Tables of the registry: models and their immutable, numbered versions."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, UniqueConstraint
from sqlalchemy.schema import PrimaryKeyConstraint

from mlserve.db.metadata import metadata
from mlserve.db.types import JsonText, UtcTime

models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
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
    PrimaryKeyConstraint("model", "number"),
    UniqueConstraint("model", "digest"),
)
