"""Proxies: copies that every browser plays, of clips that some cannot."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("clips", sa.Column("proxy", sa.Text))
    clip_id = sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)
    op.create_table(
        "proxies",
        clip_id,
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("ahead", sa.SmallInteger, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    op.execute("INSERT INTO counters (name, value) VALUES ('proxied', 0)")
    op.create_index("ix_proxies_turn", "proxies", ["done_ms", "ahead", "asked_ms"])
