"""When a key ends, what is known of sessions and of shared links, and who changed any of it."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("keys", sa.Column("expires_ms", sa.BigInteger))
    op.add_column("keys", sa.Column("address", sa.Text))
    for name in ("created_ms", "last_used_ms"):
        op.add_column("sessions", sa.Column(name, sa.BigInteger))
    for name in ("address", "agent"):
        op.add_column("sessions", sa.Column(name, sa.Text))
    op.create_table(
        "shares",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("last_view_ms", sa.BigInteger),
    )
    op.create_index("ix_shares_clip", "shares", ["clip_id"])
    op.create_table(
        "audit",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["at_ms"])
