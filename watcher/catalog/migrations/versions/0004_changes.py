"""Clips in the order of their last change."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("ix_clips_revision", "clips", ["revision"])
