"""The table of the explanations."""

import sqlalchemy as sa
from alembic import op

from mlserve.predictions.family_tables import JsonText, UuidText

revision = "linear_0002"
down_revision = "linear_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "linear_contributions",
        sa.Column("prediction_id", UuidText, primary_key=True),
        sa.Column("instance", sa.Integer, primary_key=True),
        sa.Column("bias", sa.Float),
        sa.Column("margin", sa.Float),
        sa.Column("contributions", JsonText, nullable=False),
    )
