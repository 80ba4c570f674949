"""Cameras that should have left clips and did not; webhooks tell of them too."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("silent", sa.SmallInteger, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("limit_ms", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger),
    )
    op.add_column("outbox", sa.Column("event", sa.Text))
