"""Clips whose pictures are tried again, and an index of those that have none."""

import sqlalchemy as sa
from alembic import op

from watcher.catalog import planner

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "render_retries",
        sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("ix_render_retries_due", "render_retries", ["due_ms"])
    wrong = sa.text("poster_error IS NOT NULL")
    op.create_index(
        "ix_clips_poster_error", "clips", ["started_ms", "id"], sqlite_where=wrong, postgresql_where=wrong
    )
    if op.get_bind().dialect.name == "sqlite":
        planner.tell(op.get_bind())
