"""Words to find clips by, leases of those who label, and how far the feed of changes has forgotten."""

import sqlalchemy as sa
from alembic import op

from watcher.model.search_words import words_of

revision = "0008"
down_revision = "0007"

PAGE = 5000  # rows at a time

# The table of words keeps no text of its own: a row is taken out by the words that it was put in with.
_SQLITE = (
    "CREATE VIRTUAL TABLE clip_words USING fts5(words, content='', detail='none', columnsize=0, tokenize='ascii')",
    "CREATE TRIGGER clip_words_insert AFTER INSERT ON clips WHEN new.words IS NOT NULL BEGIN"
    " INSERT INTO clip_words (rowid, words) VALUES (((new.started_ms / 1000) << 31) + new.id, new.words); END",
    "CREATE TRIGGER clip_words_delete AFTER DELETE ON clips WHEN old.words IS NOT NULL BEGIN"
    " INSERT INTO clip_words (clip_words, rowid, words)"
    " VALUES ('delete', ((old.started_ms / 1000) << 31) + old.id, old.words); END",
    # One trigger, since the old words have to go before the new ones come.
    "CREATE TRIGGER clip_words_update AFTER UPDATE OF words, started_ms ON clips"
    " WHEN old.words IS NOT new.words OR old.started_ms / 1000 <> new.started_ms / 1000 BEGIN"
    " INSERT INTO clip_words (clip_words, rowid, words)"
    " SELECT 'delete', ((old.started_ms / 1000) << 31) + old.id, old.words WHERE old.words IS NOT NULL;"
    " INSERT INTO clip_words (rowid, words)"
    " SELECT ((new.started_ms / 1000) << 31) + new.id, new.words WHERE new.words IS NOT NULL; END",
)
_POSTGRESQL = "CREATE INDEX ix_clips_words ON clips USING gin (array_to_tsvector(string_to_array(words, ' ')))"


def upgrade() -> None:
    op.add_column("clips", sa.Column("words", sa.Text))
    op.create_table(
        "leases",
        sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_leases_review", "leases", ["review"])
    op.execute("INSERT INTO counters (name, value) VALUES ('forgotten', 0)")
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        for statement in _SQLITE:
            op.execute(statement)
    _fill(connection)
    if not sqlite:
        op.execute(_POSTGRESQL)


def _fill(connection: sa.Connection) -> None:
    names: dict[int, list[str]] = {}
    for clip_id, name in connection.execute(sa.text("SELECT clip_id, name FROM labels")):
        names.setdefault(clip_id, []).append(name)
    page = sa.text("SELECT id, key, camera FROM clips WHERE id > :after ORDER BY id LIMIT :page")
    note = sa.text("UPDATE clips SET words = :words WHERE id = :id")
    after = 0
    while rows := connection.execute(page, {"after": after, "page": PAGE}).fetchall():
        words = [{"id": row[0], "words": words_of(row[1], row[2], names.get(row[0], ()))} for row in rows]
        connection.execute(note, words)
        after = rows[-1][0]
