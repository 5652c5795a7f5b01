"""Tables of the prediction log. The views `prediction_instances` and `current_actuals` are made by the migrations."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.schema import PrimaryKeyConstraint

from mlserve.db.metadata import metadata
from mlserve.db.types import JsonText, UtcNow, UtcTime, UuidText

predictions = Table(
    "predictions",
    metadata,
    Column("id", UuidText, primary_key=True),
    Column("format", SmallInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("plugin", Text, nullable=False),
    Column("library", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("alias", Text),
    Column("arm", Text),
    Column("rollout_id", Text),
    Column("rollout_revision", Integer),
    Column("bucket", Float),
    Column("caller", Text, nullable=False),
    Column("reference", Text),
    Column("request_id", Text),
    Column("created_at", UtcTime, nullable=False),
    # When the row arrived in the database, by the database's clock, which is one for all hosts.
    Column("stored_at", UtcTime, nullable=False, server_default=UtcNow()),
    Column("duration_us", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("inputs", JsonText(raw=True)),
    # Room for a compact form of large inputs: the block, and the name of its encoding.
    Column("inputs_block", LargeBinary),
    Column("encoding", Text),
    Column("outputs", JsonText(raw=True), nullable=False),
    Column("warnings", JsonText),
    Column("not_kept", JsonText),
    Column("idempotency_key", Text),
    Column("body_digest", Text),
    Column("worker", Text),
    Index("ix_predictions_model_created_at_id", "model", "created_at", "id"),
)

Index(
    "ix_predictions_reference",
    predictions.c.reference,
    sqlite_where=predictions.c.reference.is_not(None),
    postgresql_where=predictions.c.reference.is_not(None),
)
Index(
    "uq_predictions_caller_model_idempotency_key",
    predictions.c.caller,
    predictions.c.model,
    predictions.c.idempotency_key,
    unique=True,
    sqlite_where=predictions.c.idempotency_key.is_not(None),
    postgresql_where=predictions.c.idempotency_key.is_not(None),
)

# No foreign key: an actual may arrive before the shipper has brought its prediction.
actuals = Table(
    "actuals",
    metadata,
    Column("prediction_id", UuidText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("actuals", JsonText, nullable=False),
    Column("caller", Text, nullable=False),
    Column("request_id", Text),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("prediction_id", "revision"),
)

spool_positions = Table(
    "spool_positions",
    metadata,
    Column("segment", UuidText, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("set_aside", BigInteger, nullable=False),
    # Set when the segment's writer is gone and everything in it is shipped.
    Column("finished_at", UtcTime),
)
