"""The plugin's own table."""

import sqlalchemy as sa
from alembic import op

revision = "linear_0001"
down_revision = None
branch_labels = ("linear",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "linear_reviews", sa.Column("model", sa.Text, nullable=False), sa.Column("reviewer", sa.Text, nullable=False)
    )
