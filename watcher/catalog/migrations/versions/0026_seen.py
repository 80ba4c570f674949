"""Which clips who has seen: up to a mark, and the exceptions on both sides of it."""

import sqlalchemy as sa
from alembic import op

from watcher.catalog import planner

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "seen_marks",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("until_revision", sa.BigInteger, nullable=False),
        sa.Column("marked_ms", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("used_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "seen",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("ready_revision", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.SmallInteger, nullable=False),
    )
    op.create_index("ix_seen_clip", "seen", ["clip_id"])
    if op.get_bind().dialect.name == "sqlite":
        planner.tell(op.get_bind())
