"""Empty catalogs at the newest schema, made once and copied: the way through all migrations costs as much as a test."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

from watcher.catalog import migrate, open_engine


@lru_cache
def empty() -> bytes:
    """A SQLite catalog without clips, as a file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()
        return path.read_bytes()
