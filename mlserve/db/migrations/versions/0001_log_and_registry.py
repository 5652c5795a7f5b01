"""The registry's models and versions, the prediction log, its actuals, the spool's positions, and the views.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

from mlserve.db.types import JsonText, UtcNow, UtcTime, UuidText

revision = "0001"
down_revision = None
branch_labels = ("mlserve",)
depends_on = None


def upgrade() -> None:
    _registry()
    _predictions()
    _actuals()
    _positions()
    op.execute(_CURRENT_ACTUALS)
    op.execute(_INSTANCES_POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _INSTANCES_SQLITE)


def _registry() -> None:
    op.create_table(
        "models",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_models"),
    )
    op.create_table(
        "versions",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("signature", JsonText, nullable=False),
        sa.Column("manifest", JsonText, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("model", "number", name="pk_versions"),
        sa.UniqueConstraint("model", "digest", name="uq_versions_model_digest"),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_versions_model_models"),
    )


def _predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("id", UuidText, nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("plugin", sa.Text, nullable=False),
        sa.Column("library", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("alias", sa.Text),
        sa.Column("arm", sa.Text),
        sa.Column("rollout_id", sa.Text),
        sa.Column("rollout_revision", sa.Integer),
        sa.Column("bucket", sa.Float),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("stored_at", UtcTime, nullable=False, server_default=UtcNow()),
        sa.Column("duration_us", sa.BigInteger, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("inputs", JsonText),
        sa.Column("inputs_block", sa.LargeBinary),
        sa.Column("encoding", sa.Text),
        sa.Column("outputs", JsonText, nullable=False),
        sa.Column("warnings", JsonText),
        sa.Column("not_kept", JsonText),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("body_digest", sa.Text),
        sa.Column("worker", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
    )
    op.create_index("ix_predictions_model_created_at_id", "predictions", ["model", "created_at", "id"])
    _partial_index("ix_predictions_reference", ["reference"], "reference")
    _partial_index(
        "uq_predictions_caller_model_idempotency_key",
        ["caller", "model", "idempotency_key"],
        "idempotency_key",
        unique=True,
    )


def _partial_index(name: str, columns: list[str], present: str, unique: bool = False) -> None:
    """An index of the rows only in which a column is present: most predictions have no key and no reference."""
    where = sa.text(f"{present} IS NOT NULL")
    op.create_index(name, "predictions", columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _actuals() -> None:
    op.create_table(
        "actuals",
        sa.Column("prediction_id", UuidText, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("actuals", JsonText, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", "revision", name="pk_actuals"),
    )


def _positions() -> None:
    op.create_table(
        "spool_positions",
        sa.Column("segment", UuidText, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("set_aside", sa.BigInteger, nullable=False),
        sa.Column("finished_at", UtcTime),
        sa.PrimaryKeyConstraint("segment", name="pk_spool_positions"),
    )


# The last revision of each prediction's actuals.
_CURRENT_ACTUALS = """
CREATE VIEW current_actuals AS
SELECT a.prediction_id, a.revision, a.model, a.actuals, a.caller, a.created_at
FROM actuals a
WHERE a.revision = (SELECT max(b.revision) FROM actuals b WHERE b.prediction_id = a.prediction_id)
"""

# One row an instance, counted from 0; `actual` is NULL while nothing is reported.
_INSTANCES_POSTGRESQL = """
CREATE VIEW prediction_instances AS
SELECT p.id AS prediction_id, (e.place - 1)::integer AS instance, p.model, p.version, p.created_at,
       p.alias, p.arm, p.caller, p.reference, e.input, e.output, a.revision AS actual_revision, e.actual
FROM predictions p
LEFT JOIN current_actuals a ON a.prediction_id = p.id
CROSS JOIN LATERAL ROWS FROM (
    json_array_elements(p.inputs), json_array_elements(p.outputs), json_array_elements(a.actuals)
) WITH ORDINALITY AS e(input, output, actual, place)
"""

_INSTANCES_SQLITE = """
CREATE VIEW prediction_instances AS
SELECT p.id AS prediction_id, o.key AS instance, p.model, p.version, p.created_at,
       p.alias, p.arm, p.caller, p.reference, p.inputs -> o.key AS input, o.value AS output,
       a.revision AS actual_revision, a.actuals -> o.key AS actual
FROM predictions p
LEFT JOIN current_actuals a ON a.prediction_id = p.id
JOIN json_each(p.outputs) o
"""
