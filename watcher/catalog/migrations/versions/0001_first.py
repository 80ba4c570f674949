"""The first catalog: clips, sums by camera, counters, facts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "clips",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("key", key, nullable=False, unique=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("listed", sa.SmallInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.Column("time_source", sa.Text, nullable=False),
        sa.Column("duration_ms", sa.BigInteger),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("media", sa.Text),
        sa.Column("playable", sa.Text),
        sa.Column("playable_reason", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("poster", sa.Text),
        sa.Column("poster_error", sa.Text),
        sa.Column("render_due", sa.SmallInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("ingested_ms", sa.BigInteger, nullable=False),
        sa.Column("missing_ms", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_clips_time", "clips", ["listed", "started_ms", "id"])
    op.create_index("ix_clips_camera_time", "clips", ["camera", "listed", "started_ms", "id"])
    op.create_index("ix_clips_state_time", "clips", ["state", "started_ms", "id"])
    op.create_index("ix_clips_content", "clips", ["digest", "inode"])
    op.create_index(
        "ix_clips_render_due",
        "clips",
        ["started_ms"],
        sqlite_where=sa.text("render_due = 1"),
        postgresql_where=sa.text("render_due = 1"),
    )
    op.create_table(
        "cameras",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.bulk_insert(counters, [{"name": "revision", "value": 0}, {"name": "longest_ms", "value": 0}])
