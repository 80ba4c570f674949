"""When clips became ready, for webhooks, and what these have not delivered yet."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("clips", sa.Column("ready_revision", sa.BigInteger))
    op.create_index(
        "ix_clips_ready",
        "clips",
        ["ready_revision"],
        sqlite_where=sa.text("ready_revision IS NOT NULL"),
        postgresql_where=sa.text("ready_revision IS NOT NULL"),
    )
    op.create_table(
        "hooks",
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("clip_id", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("told", sa.Text),
    )
    op.create_index("ix_outbox_clip", "outbox", ["url", "clip_id", "revision"])
