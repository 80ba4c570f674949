"""Sums by day are added up anew: of a camera whose first clips came as the ingester began they lacked these."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("DELETE FROM day_offsets")
    op.execute("DELETE FROM days")
