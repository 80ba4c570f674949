"""Tables, indexes, engine. The tables' history is in `migrations/`; a test compares the two."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool, QueuePool

from watcher.errors import CatalogError

HEAD = "0013"  # the newest migration; a test compares
WRITE = "watcher_write"  # execution option: this transaction will write
BUSY_SECONDS = 30
MIGRATION_LOCK = 0x77617463  # any number that only we use, for pg_advisory_xact_lock
ID_BITS = 31  # of a row's number in SQLite's index of words that hold the clip's id; the others hold the second

metadata = sa.MetaData()

# Keys are compared byte by byte on both engines, since a scan merges them with the walk of the disk.
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

clips = sa.Table(
    "clips",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("key", Key, nullable=False, unique=True),  # path below the video root
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("listed", sa.SmallInteger, nullable=False),  # 1 for ready and broken: what lists show by default
    sa.Column("started_ms", sa.BigInteger, nullable=False),  # milliseconds since 1970, UTC
    sa.Column("ended_ms", sa.BigInteger, nullable=False),
    sa.Column("time_source", sa.Text, nullable=False),
    sa.Column("duration_ms", sa.BigInteger),  # null while unknown
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("inode", sa.BigInteger, nullable=False),  # signed: some file systems use all 64 bits
    sa.Column("digest", sa.Text, nullable=False),  # content id, finds a moved or restored clip
    sa.Column("media", sa.Text),  # MediaInfo as JSON
    sa.Column("playable", sa.Text),
    sa.Column("playable_reason", sa.Text),
    sa.Column("error", sa.Text),  # why it is broken
    sa.Column("poster", sa.Text),  # path below the renditions folder
    sa.Column("poster_error", sa.Text),  # why there is none
    sa.Column("render_due", sa.SmallInteger, nullable=False),  # 1: its probe or poster, 2: its sprite, 0: nothing
    sa.Column("revision", sa.BigInteger, nullable=False),  # grows over the whole catalog with every change
    sa.Column("ingested_ms", sa.BigInteger, nullable=False),
    sa.Column("missing_ms", sa.BigInteger),  # since when the file is gone
    sa.Column("offset_seconds", sa.Integer),  # of the camera's clock, east of UTC
    sa.Column("time_quality", sa.Text, nullable=False, server_default="sure"),
    sa.Column("uncorrected", sa.Text),  # JSON of what was read, by column, where a person corrected it
    sa.Column("picture", Key),  # key of a picture that the camera left of it, for the poster
    sa.Column("held", sa.SmallInteger, nullable=False, server_default="0"),  # 1: it is never retired
    sa.Column("note", sa.Text),  # a person's words about it
    sa.Column("labels", sa.Text),  # its rows of `labels` as JSON, for lists; null without any
    sa.Column("ready_revision", sa.BigInteger),  # at which this content became ready
    sa.Column("words", sa.Text),  # that it is found by (see `words.py`)
    sa.Column("sprite", sa.Text),  # Sprite as JSON
    sa.Column("rendered_from", sa.BigInteger),  # revision since which only renditions came, …
    sa.Column("rendered_at", sa.BigInteger),  # … if `revision` is this one
    sa.Index("ix_clips_time", "listed", "started_ms", "id"),
    sa.Index("ix_clips_camera_time", "camera", "listed", "started_ms", "id"),
    sa.Index("ix_clips_state_time", "state", "started_ms", "id"),
    sa.Index("ix_clips_content", "digest", "inode"),
    sa.Index("ix_clips_revision", "revision"),
    # Partial on PostgreSQL too, as its migration says; saying so here would load that dialect into every process.
    sa.Index("ix_clips_render_due", "started_ms", sqlite_where=sa.text("render_due = 1")),
    sa.Index("ix_clips_sprite_due", "started_ms", sqlite_where=sa.text("render_due = 2")),
    sa.Index("ix_clips_held", "listed", "started_ms", "id", sqlite_where=sa.text("held = 1")),
    sa.Index("ix_clips_unlabeled", "listed", "started_ms", "id", sqlite_where=sa.text("labels IS NULL")),
    sa.Index("ix_clips_ready", "ready_revision", sqlite_where=sa.text("ready_revision IS NOT NULL")),
    sa.Index("ix_clips_picture", "picture", sqlite_where=sa.text("picture IS NOT NULL")),
    sqlite_autoincrement=True,  # an id is never given twice: links to a deleted clip must not show another
)

labels = sa.Table(
    "labels",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),  # the clip's, so that an index has both
    sa.Index("ix_labels_time", "name", "started_ms", "clip_id"),
)

# Which clips somebody is looking at to label them, until when.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("review", sa.Text, nullable=False),  # clips that were handed out together
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_leases_review", "review"),
)

# SQLite's index of words (FTS5), kept by triggers; the migration makes it. A row's number is its clip's start in
# seconds and, in the low bits, the clip's id: what is found comes out in the order of time, without a sort.
clip_words = sa.table("clip_words", sa.column("rowid", sa.BigInteger))

# What each camera sent on each day, by the site's clock.
sent = sa.Table(
    "sent",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

# How far each webhook has looked for clips that are ready, and what it has not delivered yet.
hooks = sa.Table(
    "hooks",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True),  # at which the clip became ready
    sa.Column("clip_id", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("told", sa.Text),  # what went wrong last
    sa.Index("ix_outbox_clip", "url", "clip_id", "revision"),
)

# Who may; of a key's secret only the hash.
keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("cameras", sa.Text),  # a JSON list of the only ones it is for; null: all
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("last_used_ms", sa.BigInteger),
)

# Browsers that have signed in, and links that sign one in, once.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey("keys.id", ondelete="CASCADE"), nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("once", sa.SmallInteger, nullable=False),
)

# How many clips have each label.
label_names = sa.Table(
    "label_names",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
)

# Kept sums over listed clips: counting a million rows on each request is what makes other tools slow.
cameras = sa.Table(
    "cameras",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
)

# The same by the quarter of an hour in which clips start, numbered from 1970 (UTC): the timeline adds these up.
quarters = sa.Table(
    "quarters",
    metadata,
    sa.Column("quarter", sa.BigInteger, primary_key=True),
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_quarters_camera", "camera", "quarter"),
)

# revision: the last one given; longest_ms: an upper bound of every clip's length; forgotten: the newest revision of
# a clip that was dropped; keys: grows with every change of keys and sessions.
# The first statement of each writing transaction updates `revision`, so that revisions are committed in order.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # catalog_id: the id that the video root's marker carries
    sa.Column("value", sa.Text, nullable=False),
)


def open_engine(url: str, *, pooled: bool = True) -> sa.Engine:
    """An engine for SQLite or PostgreSQL. Connects to nothing yet. Raises CatalogError for other URLs.

    SQLite settings: WAL, so that readers and the writer do not wait for each other; `synchronous` NORMAL, which
    in WAL can lose the last transactions in a power cut but never the database: the next scan reads what they
    said from the disk again; a busy timeout far above any transaction of ours.
    """
    pool = QueuePool if pooled else NullPool
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql":
            return sa.create_engine(parsed, poolclass=pool, pool_pre_ping=pooled)
        if parsed.get_backend_name() != "sqlite":
            raise CatalogError(f"the catalog can be SQLite or PostgreSQL, not {parsed.get_backend_name()!r}")
        engine = sa.create_engine(parsed, poolclass=pool, connect_args={"timeout": BUSY_SECONDS})
    except (sa.exc.ArgumentError, ImportError) as reason:
        raise CatalogError(f"the catalog URL cannot be used: {reason}") from reason

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say (below), not where sqlite3 guesses
        _use_wal(connection)
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "cache_size=-8000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: a reader that turns writer half-way gets "database is locked".
        write = connection.get_execution_options().get(WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the journal to WAL, for which SQLite does not wait where several processes open a new file at once.

    The busy timeout does not hold for a switch that meets another one, nor while the last one to close cleans up
    (https://sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY In WAL Mode"), so we ask again ourselves.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as reason:
            # The low byte is the primary code, without what SQLite adds to it.
            if reason.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def revision(connection: sa.Connection) -> str | None:
    """The migration that the catalog is at; None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def migrate(engine: sa.Engine) -> None:
    """Bring the catalog to this watcher's schema; safe when several processes start at once.

    The write lock is taken first and the version read under it, so the second process finds the work done.
    Raises CatalogError if the catalog cannot be opened or is of a newer watcher.
    """
    with (
        _opening(engine),
        engine.connect().execution_options(**{WRITE: True}) as connection,
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        if revision(connection) == HEAD:
            return
        from watcher.catalog.migrations import upgrade  # noqa: PLC0415 - Alembic costs 15 MB, once

        upgrade(connection)


def revision_of(engine: sa.Engine) -> str | None:
    """The migration that a catalog is at. Raises CatalogError unless it can be opened."""
    with _opening(engine), engine.connect() as connection:
        return revision(connection)


def check_schema(engine: sa.Engine) -> None:
    """Raise CatalogError unless the catalog can be opened and is at this watcher's schema."""
    found = revision_of(engine)
    if found != HEAD:
        raise CatalogError(f"the catalog is at schema {found or 'none'}, this watcher needs {HEAD}")


@contextlib.contextmanager
def _opening(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as reason:
        told = str(getattr(reason, "orig", None) or reason).strip().splitlines()[0]
        raise CatalogError(f"the catalog at {engine.url.render_as_string()} cannot be opened: {told}") from reason
