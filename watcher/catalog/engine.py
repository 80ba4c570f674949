"""The engine under the catalog, SQLite or PostgreSQL, and the schema that it is at."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool, QueuePool

from watcher.catalog.integrity import WAY_BACK, SameFile, is_damage, watch
from watcher.model.errors import CatalogDamagedError, CatalogError

HEAD = "0033"  # the newest migration; a test compares
WRITE = "watcher_write"  # execution option: this transaction will write
BUSY_SECONDS = 30
# What libpq waits for a server that does not answer: for a connection (seconds), and for its end to be noticed
# (milliseconds). By default both take minutes, in which every thread of the application would hang.
PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000"}
_SAME: WeakKeyDictionary[sa.Engine, SameFile] = WeakKeyDictionary()
MIGRATION_LOCK = 0x77617463  # any number that only we use, for pg_advisory_xact_lock


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
            patience = {name: value for name, value in PATIENCE.items() if name not in parsed.query}
            return sa.create_engine(parsed.update_query_dict(patience), poolclass=pool, pool_pre_ping=pooled)
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

    if parsed.database and parsed.database != ":memory:":
        _SAME[engine] = watch(engine, Path(parsed.database))
    return engine


def same_file(engine: sa.Engine) -> SameFile | None:
    """What knows whether a SQLite catalog is still the file that was opened."""
    return _SAME.get(engine)


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


def migrate(engine: sa.Engine, *, narrow: Callable[[Path], None] = lambda _path: None) -> None:
    """Bring the catalog to this watcher's schema; safe when several processes start at once.

    The write lock is taken first and the version read under it, so the second process finds the work done.
    Raises CatalogError if the catalog cannot be opened or is of a newer watcher.
    """
    _keep_private(engine, narrow)
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


def _keep_private(engine: sa.Engine, narrow: Callable[[Path], None]) -> None:
    """Keep others from a catalog in SQLite, which gives what it writes beside it the same mode.

    `narrow` takes an older, laxer file from all who have no part in it.
    """
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database.startswith((":memory:", "file:")):
        return
    path = Path(database)
    with contextlib.suppress(OSError):  # it is there, or cannot be made, which SQLite will say
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    for suffix in ("", "-wal", "-shm", "-journal"):
        narrow(path.with_name(path.name + suffix))


def revision_of(engine: sa.Engine) -> str | None:
    """The migration that a catalog is at. Raises CatalogError unless it can be opened."""
    with _opening(engine), engine.connect() as connection:
        return revision(connection)


def check_schema(engine: sa.Engine) -> None:
    """Raise CatalogError unless the catalog can be opened and is at this watcher's schema."""
    revision = revision_of(engine)
    if revision != HEAD:
        raise CatalogError(f"the catalog is at schema {revision or 'none'}, this watcher needs {HEAD}")


@contextlib.contextmanager
def _opening(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as reason:
        origin = getattr(reason, "orig", None) or reason
        line = str(origin).strip().splitlines()[0]
        if is_damage(origin):
            where = engine.url.render_as_string()
            raise CatalogDamagedError(f"the catalog at {where} is damaged ({line}): {WAY_BACK}") from reason
        raise CatalogError(f"the catalog at {engine.url.render_as_string()} cannot be opened: {line}") from reason
