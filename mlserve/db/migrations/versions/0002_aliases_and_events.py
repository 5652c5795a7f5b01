"""The registry's aliases, what versions say of themselves, the events of the life cycle, and the registry's revision.

Revision: 0002

No alias is made here: which version a server answered with stands in its INI, which its next start reads.
"""

import sqlalchemy as sa
from alembic import op

from mlserve.db.types import JsonText, UtcTime, UuidText

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("declared", sa.Text))
    op.add_column("versions", sa.Column("description", sa.Text, nullable=False, server_default=""))
    op.add_column("versions", sa.Column("tags", JsonText, nullable=False, server_default="{}"))
    op.add_column("versions", sa.Column("created_by", sa.Text, nullable=False, server_default=""))
    op.add_column("versions", sa.Column("retired_at", UtcTime))
    _aliases()
    _events()
    _revision()


def _aliases() -> None:
    op.create_table(
        "aliases",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("moved_at", UtcTime, nullable=False),
        sa.Column("moved_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("model", "alias", name="pk_aliases"),
        sa.ForeignKeyConstraint(
            ["model", "version"], ["versions.model", "versions.number"], name="fk_aliases_model_versions"
        ),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("version", sa.Integer),
        sa.Column("alias", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("before", JsonText),
        sa.Column("after", JsonText),
        sa.Column("request_id", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_model_id", "events", ["model", "id"])
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def _revision() -> None:
    """One row, which every change of the registry counts up: whoever looks on sees by one number that something is new.

    As the changes wait for it in turn, a change that is seen has no older one behind it that is still on its way.
    """
    op.create_table(
        "registry_revision",
        sa.Column("only", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("only", name="pk_registry_revision"),
    )
    op.execute("INSERT INTO registry_revision VALUES (1, 0)")


# What has happened stays written, whoever has a connection to the database.
_APPEND_ONLY = {
    "sqlite": [
        f"""
        CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
        """
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        """
        CREATE FUNCTION mlserve_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation'; END $$
        """,
        """
        CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION mlserve_events_append_only()
        """,
    ],
}
