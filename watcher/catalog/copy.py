"""A catalog copied into another one, of either engine, row by row, and compared with it."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from watcher.catalog.engine import WRITE, migrate, open_engine
from watcher.catalog.schema import clips, counters, facts, metadata
from watcher.model.errors import CatalogError

BATCH = 2000  # rows held at a time
_OWN = {counters.name, facts.name}  # of which an empty catalog has some rows already
_NUMBERED = ("clips", "exports", "audit")  # tables whose ids the database gives
_SUMS_MOST = 1 << 128
RESTORED_STEP = 1 << 30  # more revisions than anybody has given between a backup and what became of it


def copy(source: sa.Engine, target: sa.Engine, tell: Callable[[str, int], None]) -> None:
    """Copy everything into an empty catalog of the same schema; `tell` hears each table and how many rows it has.

    What is read is one moment's, whoever writes meanwhile. All is written in one transaction and read again before
    its end, so a copy that is cut off, or is not equal, leaves the target as empty as it was. Raises CatalogError.
    """
    try:
        with _reading(source) as old, target.connect().execution_options(**{WRITE: True}) as new, new.begin():
            _must_be_empty(new, target)
            for table in (counters, facts):
                new.execute(sa.delete(table))
            for table in metadata.sorted_tables:
                count, sums = 0, 0
                for rows in old.execute(sa.select(table).execution_options(yield_per=BATCH)).partitions():
                    new.execute(sa.insert(table), [dict(row._mapping) for row in rows])
                    count, sums = count + len(rows), _add(sums, rows)
                copied = 0
                for rows in new.execute(sa.select(table).execution_options(yield_per=BATCH)).partitions():
                    copied = _add(copied, rows)
                if copied != sums:
                    raise CatalogError(f"the table {table.name} is not the same after it was copied")
                tell(table.name, count)
            for name in _NUMBERED:
                _give_from(new, name, _given(old, name))
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as reason:
        line = str(getattr(reason, "orig", None) or reason).strip().splitlines()[0]
        raise CatalogError(f"the catalog cannot be copied: {line}") from reason


@contextlib.contextmanager
def one_file(path: Path) -> Iterator[sa.Engine]:
    """A catalog of our schema in one file, without a journal beside it afterwards. Raises CatalogError."""
    engine = open_engine(f"sqlite:///{path}", pooled=False)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def step_on(engine: sa.Engine) -> None:
    """After a restore: what was given between the backup and now is never given again.

    Whoever followed the changes is told to start over, since some of what they know is no more.
    """
    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        number = connection.execute(sa.select(counters.c.value).where(counters.c.name == "revision")).scalar_one()
        number += RESTORED_STEP
        both = counters.c.name.in_(["revision", "forgotten"])
        connection.execute(sa.update(counters).where(both).values(value=number))
        # Whoever reads the feed to its end then stands behind all that is forgotten.
        last = sa.select(sa.func.max(clips.c.revision)).scalar_subquery()
        connection.execute(sa.update(clips).where(clips.c.revision == last).values(revision=number))


def _reading(engine: sa.Engine) -> sa.Connection:
    """A connection that sees one moment; SQLite's WAL gives that by itself."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def is_empty(engine: sa.Engine) -> bool:
    """Whether a catalog holds nothing that somebody put there."""
    with engine.connect() as connection:
        return _first_filled(connection) is None


def _first_filled(connection: sa.Connection) -> str | None:
    for table in metadata.sorted_tables:
        if (
            table.name not in _OWN
            and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        ):
            return table.name
    return None


def _must_be_empty(connection: sa.Connection, engine: sa.Engine) -> None:
    if (filled := _first_filled(connection)) is not None:
        where = engine.url.render_as_string()
        raise CatalogError(f"the catalog at {where} is not empty (it has {filled}): nothing was copied")


def _add(sums: int, rows: Iterable[Any]) -> int:
    """Sums of rows' hashes do not depend on the rows' order, which is not the same on both engines."""
    for row in rows:
        sums += int.from_bytes(
            hashlib.blake2b(repr(tuple(row)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        )
    return sums % _SUMS_MOST


def _given(connection: sa.Connection, table: str) -> int:
    """The last id that a table has given, also to what is gone: it is never given twice."""
    highest = connection.execute(sa.text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()  # nosec B608  # noqa: S608 - ours
    if connection.dialect.name == "sqlite":
        number = connection.execute(
            sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table}
        ).scalar()
    else:
        sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table, "id"))).scalar_one()
        number = connection.execute(sa.text(f"SELECT last_value FROM {sequence} WHERE is_called")).scalar()  # nosec B608  # noqa: S608
    return max(int(highest), int(number or 0))


def _give_from(connection: sa.Connection, table: str, last: int) -> None:
    if not last:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table, "id"), last)))
        return
    values = {"name": table, "seq": last}
    # A table that has no row yet has no number here either.
    connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
    connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), values)
