"""Sprites: a few frames of each clip in one picture, made after all posters."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("clips", sa.Column("sprite", sa.Text))
    op.add_column("clips", sa.Column("rendered_from", sa.BigInteger))
    op.add_column("clips", sa.Column("rendered_at", sa.BigInteger))
    due = sa.text("render_due = 2")
    op.create_index("ix_clips_sprite_due", "clips", ["started_ms"], sqlite_where=due, postgresql_where=due)
    op.execute("UPDATE clips SET render_due = 2 WHERE state = 'ready' AND render_due = 0 AND poster IS NOT NULL")
