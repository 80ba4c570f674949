"""When a clip's content came, and which time retention counts."""

import sqlalchemy as sa
from alembic import op

from watcher.catalog import planner

revision = "0023"
down_revision = "0022"

DAY_MS = 86_400_000
EARLIEST_MS = 1_104_537_600_000  # 2005


def upgrade() -> None:
    for name, kind in (("arrived_ms", sa.BigInteger), ("counts_ms", sa.BigInteger), ("spared", sa.SmallInteger)):
        op.add_column("clips", sa.Column(name, kind, nullable=False, server_default="0"))
    # What has been here for a month already is not spared again.
    op.execute(
        f"""
        UPDATE clips SET arrived_ms = ingested_ms,
            counts_ms = CASE WHEN time_quality = 'guessed' OR started_ms < {EARLIEST_MS}
                OR started_ms > ingested_ms + {2 * DAY_MS} THEN ingested_ms ELSE started_ms END,
            spared = CASE WHEN time_quality <> 'guessed' AND started_ms >= {EARLIEST_MS}
                AND ingested_ms - started_ms > {30 * DAY_MS}
                AND ingested_ms > (SELECT max(ingested_ms) FROM clips) - {30 * DAY_MS} THEN 1 ELSE 0 END
        """  # noqa: S608 - numbers of ours
    )
    op.create_index("ix_clips_counts", "clips", ["listed", "spared", "counts_ms", "id"])
    op.create_index("ix_clips_camera_counts", "clips", ["camera", "listed", "spared", "counts_ms", "id"])
    late = sa.text("spared = 1")
    op.create_index("ix_clips_spared", "clips", ["arrived_ms", "id"], sqlite_where=late, postgresql_where=late)
    op.create_table(
        "removals",
        sa.Column("quarter", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("due_bytes", sa.BigInteger, nullable=False),
        sa.Column("more_clips", sa.BigInteger, nullable=False),
    )
    # Its first whole scan is long over, where there are clips.
    op.execute("INSERT INTO facts (name, value) SELECT 'scanned', '1' WHERE EXISTS (SELECT 1 FROM clips)")
    if op.get_bind().dialect.name == "sqlite":
        planner.tell(op.get_bind())
