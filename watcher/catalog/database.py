"""What every part of the catalog shares: the engine, how it is read, and the one way to write.

Every write is one short transaction that first takes the next revisions: that row's lock makes writers queue on
both engines, so revisions are committed in the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from watcher.catalog.engine import WRITE, same_file
from watcher.catalog.reader import Reader
from watcher.catalog.rows import CATALOG_ID, COUNTER
from watcher.catalog.schema import clips, counters, facts


class Database:
    """One database, as all parts of a catalog use it."""

    def __init__(
        self, engine: sa.Engine, *, doubt: timedelta = timedelta(days=30), labels_of: str = "people"
    ) -> None:
        """`doubt`: what is older than that when it comes is spared for a while (`retention.doubt_days`).

        `labels_of`: whose labels keep a clip for longer, "people" or "anybody".
        """
        self.engine = engine
        self.doubt_ms = round(doubt.total_seconds() * 1000)
        self.labeled = clips.c.labels.is_not(None) if labels_of == "anybody" else clips.c.labeled_by_people == 1
        self.reading = Reader(engine)
        # Importing the other engine's dialect would cost each process 2 MB.
        self.insert: Callable[[sa.Table], Any] = import_module(f"sqlalchemy.dialects.{engine.dialect.name}").insert

    @property
    def file(self) -> Path | None:
        """The file of a SQLite catalog; None for one in PostgreSQL."""
        url = self.engine.url
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    def check_file(self) -> None:
        """Raise CatalogDamagedError where the file is not the one that this process opened."""
        if (same := same_file(self.engine)) is not None:
            same.check(at_once=True)

    def catalog_id(self) -> str | None:
        """The id that ties the catalog to its video root; None before the first ingester has run."""
        with self.engine.connect() as connection:
            return connection.execute(CATALOG_ID).scalar()

    def claim_id(self, new: str) -> str:
        """The catalog's id; `new` becomes it if there is none yet."""
        with self.write() as connection:
            fresh = self.insert(facts).values(name="catalog_id", value=new).on_conflict_do_nothing()
            connection.execute(fresh)
            return str(connection.execute(CATALOG_ID).scalar_one())

    def counter(self, name: str) -> int:
        """The value of a counter. Raises CatalogError if the database does not answer."""
        with self.reading() as ask:
            return int(ask(COUNTER, {"counter": name})[0][0])

    def write(self) -> Any:
        """A writing transaction: committed at the end of the block, rolled back by an exception.

        Raises CatalogDamagedError where it would go into a file that nobody finds again.
        """
        self.check_file()
        return self.engine.execution_options(**{WRITE: True}).begin()

    def revisions(self, connection: sa.Connection, count: int) -> int:
        """Reserve `count` revisions and return the one before the first."""
        counter = sa.update(counters).where(counters.c.name == "revision")
        last = connection.execute(counter.values(value=counters.c.value + count).returning(counters.c.value))
        return int(last.scalar_one()) - count
