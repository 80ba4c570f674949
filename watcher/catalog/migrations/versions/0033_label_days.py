"""Clips by label and day are kept; notes are among the words by which clips are found."""

import sqlalchemy as sa
from alembic import op

from watcher.model.search_words import words_of

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.create_table(
        "label_days",
        sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
    )
    op.execute("DELETE FROM day_offsets")  # the ingester adds all days up anew, those of labels too
    op.execute("DELETE FROM days")
    connection = op.get_bind()
    noted = "SELECT id, key, camera, note FROM clips WHERE note IS NOT NULL AND words IS NOT NULL"
    named = sa.text("SELECT name FROM labels WHERE clip_id = :id ORDER BY name")
    change = sa.text("UPDATE clips SET words = :words WHERE id = :id")
    for clip_id, key, camera, note in list(connection.execute(sa.text(noted))):
        names = connection.execute(named, {"id": clip_id}).scalars()
        connection.execute(change, {"id": clip_id, "words": words_of(key, camera, names, note)})
