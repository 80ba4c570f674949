"""Sums by camera and quarter of an hour, for the timeline."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "quarters",
        sa.Column("quarter", sa.BigInteger, primary_key=True),
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO quarters (quarter, camera, clips, duration_ms)"
        " SELECT started_ms / 900000, camera, COUNT(*), COALESCE(SUM(duration_ms), 0)"
        " FROM clips WHERE listed = 1 GROUP BY started_ms / 900000, camera"
    )
