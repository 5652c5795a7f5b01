"""Tables of what happened, of the webhooks that are told of it, and of what each of them is still to be told."""

from sqlalchemy import Column, Index, Integer, Table, Text
from sqlalchemy.schema import PrimaryKeyConstraint

from mlserve.db.metadata import metadata
from mlserve.db.types import JsonText, UtcTime, UuidText

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

# Neither URL nor secret: each host takes them from its own INI.
webhooks = Table(
    "webhooks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kinds", JsonText, nullable=False),
    Column("models", JsonText, nullable=False),
    Column("state", Text, nullable=False),
    Column("declared_at", UtcTime, nullable=False),
    Column("failing_since", UtcTime),
    Column("paused_until", UtcTime),
    Column("disabled_at", UtcTime),
    Column("last_delivered_at", UtcTime),
    Column("last_error", Text, nullable=False, server_default=""),
)

# No foreign key to `webhooks`: a change of the registry must not fail because a webhook goes at the same instant.
deliveries = Table(
    "deliveries",
    metadata,
    Column("event_id", UuidText, nullable=False),
    Column("webhook", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("last_error", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("event_id", "webhook"),
    Index("ix_deliveries_webhook_state_next_at", "webhook", "state", "next_at"),
)
