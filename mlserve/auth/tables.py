"""Tables of keys and users."""

from sqlalchemy import Column, Integer, Table, Text
from sqlalchemy.schema import PrimaryKeyConstraint

from mlserve.db.metadata import metadata
from mlserve.db.types import JsonText, UtcTime

# A revoked key stays: the records of its caller speak of it.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("roles", JsonText, nullable=False),
    Column("models", JsonText),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("revoked_by", Text),
    PrimaryKeyConstraint("id"),
)

# `generation` changes with the password: sessions of an earlier one have ended.
users = Table(
    "users",
    metadata,
    Column("name", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("generation", Text, nullable=False),
    Column("roles", JsonText, nullable=False),
    Column("models", JsonText),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_login_at", UtcTime),
    PrimaryKeyConstraint("name"),
)
