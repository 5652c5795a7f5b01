"""The contributions of stored explanations, a row for each block of an instance.

Revision: xgboost_0001
"""

import sqlalchemy as sa
from alembic import op

from mlserve.predictions.family_tables import JsonText, UuidText

revision = "xgboost_0001"
down_revision = None
branch_labels = ("mlserve_xgboost",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "xgboost_contributions",
        sa.Column("prediction_id", UuidText, nullable=False),
        sa.Column("instance", sa.Integer, nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("scale", sa.Text, nullable=False),
        sa.Column("margin", sa.Double),
        sa.Column("bias", sa.Double),
        sa.Column("contributions", JsonText, nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", "instance", "block", name="pk_xgboost_contributions"),
    )


def downgrade() -> None:
    op.drop_table("xgboost_contributions")
