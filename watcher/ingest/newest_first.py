"""What a scan has found to do, newest first, in bounded memory."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

IN_MEMORY = 10_000  # entries in memory; more go to a file, of some 80 bytes each
_numbers = itertools.count()


class Worklist:
    """Keys with a time each; given back once, those of the latest times first.

    The file is SQLite's, for its sorted B-tree; its name is removed as soon as it is open, so that nothing is left
    behind however the process ends. Raises sqlite3.Error where the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: list[tuple[float, str, str]] = []
        self._file: sqlite3.Connection | None = None
        self._count = 0

    def add(self, at: float, key: str, what: str) -> None:
        """Add what is to be done to a key; `at` is a time in seconds since 1970."""
        self._entries.append((at, key, what))
        self._count += 1
        if len(self._entries) >= IN_MEMORY:
            self._spill()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Every key and what is to be done to it."""
        if self._file is None:
            self._entries.sort(key=lambda entry: entry[0], reverse=True)
            yield from ((key, what) for _, key, what in self._entries)
            return
        self._spill()
        yield from self._file.execute("SELECT key, what FROM work ORDER BY at DESC, key DESC")

    def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            path = self._folder / f"worklist.{os.getpid()}.{next(_numbers)}.tmp"
            self._file = sqlite3.connect(path, isolation_level=None)
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-4000", "locking_mode=EXCLUSIVE"):
                self._file.execute(f"PRAGMA {pragma}").fetchall()
            # Kept in its order: sorting at the end would need another file, in a place that is not ours to choose.
            self._file.execute(
                "CREATE TABLE work (at REAL, key TEXT, what TEXT, PRIMARY KEY (at, key)) WITHOUT ROWID"
            )
            with contextlib.suppress(OSError):
                path.unlink()
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR REPLACE INTO work VALUES (?, ?, ?)", self._entries)
        self._file.execute("COMMIT")
        self._entries.clear()
