"""Webhooks, and the outbox of what each is still to be told.

Revision: 0004

What happened before is not sent.
"""

import sqlalchemy as sa
from alembic import op

from mlserve.db.types import JsonText, UtcTime, UuidText

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kinds", JsonText, nullable=False),
        sa.Column("models", JsonText, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("declared_at", UtcTime, nullable=False),
        sa.Column("failing_since", UtcTime),
        sa.Column("paused_until", UtcTime),
        sa.Column("disabled_at", UtcTime),
        sa.Column("last_delivered_at", UtcTime),
        sa.Column("last_error", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("name", name="pk_webhooks"),
    )
    op.create_table(
        "deliveries",
        sa.Column("event_id", UuidText, nullable=False),
        sa.Column("webhook", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("last_error", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("event_id", "webhook", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_webhook_state_next_at", "deliveries", ["webhook", "state", "next_at"])
