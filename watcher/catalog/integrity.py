"""Whether a SQLite catalog is whole, and still the file that was opened. PostgreSQL looks after its own pages.

A file that is removed or replaced while it is open goes on working, in a place that nobody finds again: what is
written then is lost. So each process knows the file that it opened first, and uses no other.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from watcher.model.errors import CatalogDamagedError

LOOK_SECONDS = 5.0  # between two looks at the file's identity, where the catalog is in use
WAY_BACK = "guide/damaged.md says what still works, and the way back"
MOVED = f"the catalog's file was removed or replaced while watcher ran: end watcher; {WAY_BACK}"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damage(reason: BaseException | None) -> bool:
    """Whether an error of SQLite's says that what it read is no catalog, or not a whole one."""
    return isinstance(reason, sqlite3.DatabaseError) and (getattr(reason, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED


def damage(reason: BaseException) -> CatalogDamagedError:
    """The error that tells of it."""
    return CatalogDamagedError(f"the catalog is damaged ({reason}): {WAY_BACK}")


class SameFile:
    """Knows which file an engine opened first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._next_look = 0.0

    def check(self, *, at_once: bool = False) -> None:
        """Raise CatalogDamagedError where there is another file now, or none; looks now and then."""
        now = time.monotonic()
        if self._file is None or (now < self._next_look and not at_once):
            return
        self._next_look = now + LOOK_SECONDS
        if self._now() != self._file:
            self._next_look = 0.0  # it stays so, until the file is back
            raise CatalogDamagedError(MOVED)

    def opened(self) -> None:
        """A connection was made."""
        self._file = self._file or self._now()

    def _now(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def watch(engine: sa.Engine, path: Path) -> SameFile:
    """Have an engine tell of damage by our own error, and refuse a file that is not the one it opened first."""
    same = SameFile(path)

    @event.listens_for(engine, "do_connect")
    def _connect(*_: Any) -> None:
        same.check(at_once=True)  # SQLite would make an empty catalog where the file is gone

    @event.listens_for(engine, "connect", insert=True)
    def _connected(*_: Any) -> None:
        same.opened()

    @event.listens_for(engine, "checkout")
    def _taken(*_: Any) -> None:
        same.check()

    @event.listens_for(engine, "handle_error")
    def _tell(context: Any) -> None:
        if is_damage(context.original_exception):
            raise damage(context.original_exception) from context.original_exception

    return same


def quick_check(path: Path) -> str | None:
    """What is wrong with a SQLite file, in a sentence; None if nothing is. Reads all of it.

    `quick_check` looks at every page and row, and not whether indexes agree with their tables
    (https://sqlite.org/pragma.html#pragma_quick_check).
    """
    if not path.is_file():
        return f"there is no {path}"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as reason:
        if not is_damage(reason):
            return None  # it is busy, or its disk is away: that is told elsewhere
        verdict = str(reason)
    except sqlite3.DatabaseError as reason:
        verdict = str(reason)
    return None if verdict == "ok" else f"the catalog is damaged ({verdict.strip().splitlines()[-1]}): {WAY_BACK}"
