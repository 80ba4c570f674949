"""Clips by label and day are kept; sums are added up anew; notes are among the words by which clips are found."""

import sqlalchemy as sa
from alembic import op

from watcher.model.search_words import words_of

revision = "0033"
down_revision = "0032"

PAGE = 500  # rows held at a time

# A batch in which a file had the name of one that was renamed counted a clip twice, or not: all is added up anew.
# The ingester does the days, those of labels too.
_SUMS = (
    "DELETE FROM day_offsets",
    "DELETE FROM days",
    "DELETE FROM quarters",
    "INSERT INTO quarters (quarter, camera, clips, duration_ms)"
    " SELECT started_ms / 900000, camera, count(*), sum(coalesce(duration_ms, 0))"
    " FROM clips WHERE listed = 1 GROUP BY 1, camera",
    "UPDATE cameras SET clips = 0, duration_ms = 0, size_bytes = 0",
    "INSERT INTO cameras (camera, clips, duration_ms, size_bytes)"
    " SELECT camera, count(*), sum(coalesce(duration_ms, 0)), sum(size_bytes)"
    " FROM clips WHERE listed = 1 GROUP BY camera"
    " ON CONFLICT (camera) DO UPDATE SET clips = excluded.clips, duration_ms = excluded.duration_ms,"
    " size_bytes = excluded.size_bytes",
)


def upgrade() -> None:
    op.create_table(
        "label_days",
        sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
    )
    connection = op.get_bind()
    for statement in _SUMS:
        connection.execute(sa.text(statement))
    noted = sa.text(
        "SELECT id, key, camera, note FROM clips"
        " WHERE id > :after AND note IS NOT NULL AND words IS NOT NULL ORDER BY id LIMIT :page"
    )
    named = sa.text("SELECT name FROM labels WHERE clip_id = :id ORDER BY name")
    change = sa.text("UPDATE clips SET words = :words WHERE id = :id")
    after = 0
    while rows := connection.execute(noted, {"after": after, "page": PAGE}).fetchall():
        for clip_id, key, camera, note in rows:
            names = connection.execute(named, {"id": clip_id}).scalars()
            connection.execute(change, {"id": clip_id, "words": words_of(key, camera, names, note)})
        after = rows[-1][0]
