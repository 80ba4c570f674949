"""What has been sent: a small SQLite file that survives power cuts."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """A file that we have dealt with, or begun to."""

    size_bytes: int
    mtime_ns: int
    state: str  # sending, sent, refused
    address: str | None  # of the upload that was begun
    refusal: str | None  # why it was refused


class Journal:
    """One row for each file, by its path below the folder that is watched."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=10)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",  # what is noted as sent may be removed
            "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, state TEXT,"
            " address TEXT, told TEXT, at REAL)",
        ):
            self._database.execute(statement)

    def entry(self, name: str, size_bytes: int, mtime_ns: int) -> Entry | None:
        """What is known of a file as it is now; None for another content under its name."""
        row = self._database.execute(
            "SELECT size, mtime, state, address, told FROM files WHERE name = ?", (name,)
        ).fetchone()
        entry = None if row is None else Entry(*row)
        return entry if entry is not None and entry[:2] == (size_bytes, mtime_ns) else None

    def note(self, name: str, entry: Entry) -> None:
        """Remember how a file stands; on disk when this returns."""
        self._database.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", (name, *entry, time.time())
        )

    def forget(self, name: str) -> None:
        """The file is gone."""
        self._database.execute("DELETE FROM files WHERE name = ?", (name,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
