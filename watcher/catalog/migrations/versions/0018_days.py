"""Kept sums by day, for the offsets that the site's clocks have; the ingester fills them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "days",
        sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_days_camera", "days", ["offset_quarters", "camera", "day"])
    op.create_table(
        "day_offsets",
        sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("whole", sa.Integer, nullable=False),
    )
