"""Questions that are asked all the time go straight to the driver.

SQLAlchemy's Core takes 70 µs for a statement that the database answers in ten; here it writes the statement's text,
once, and the driver runs it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from watcher.errors import CatalogError

Ask = Callable[[sa.Select[Any] | sa.CompoundSelect[Any], Mapping[str, Any]], list[Any]]


class Prepared(NamedTuple):
    """A statement as its driver takes it."""

    text: str
    defaults: dict[str, Any]  # values that the statement itself has
    order: list[str] | None  # of values, for a driver that takes them by position


class Reader:
    """Reads of one engine, by prepared statements."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        # A statement that nobody keeps any more is forgotten here too.
        self._prepared: WeakKeyDictionary[Any, Prepared] = WeakKeyDictionary()
        self._here = threading.local()  # `ask`: of the reading that this thread is in

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Ask]:
        """Statements that read one moment of a SQLite catalog; on PostgreSQL each reads what is committed.

        One within another is part of it: a request's questions share a connection, whose check-out costs more than
        most of them. Raises CatalogError if the database does not answer.
        """
        if (outer := getattr(self._here, "ask", None)) is not None:
            yield outer
            return
        driver = self._engine.dialect.loaded_dbapi
        try:
            connection = self._engine.raw_connection()
        except driver.Error as reason:  # the driver's own, from here: nobody has made it one of SQLAlchemy's
            raise CatalogError(f"the database did not answer: {reason}") from reason
        try:
            cursor = connection.cursor()
            if self._sqlite:  # the other driver begins by itself, and the pool rolls both back
                cursor.execute("BEGIN")

            def ask(statement: Any, values: Mapping[str, Any]) -> list[Any]:
                prepared = self._prepared.get(statement) or self._prepare(statement)
                whole = {**prepared.defaults, **values}
                ordered = whole if prepared.order is None else [whole[name] for name in prepared.order]
                cursor.execute(prepared.text, ordered)
                return list(cursor.fetchall())

            self._here.ask = ask
            yield ask
        except (driver.OperationalError, driver.InterfaceError) as reason:
            connection.invalidate()
            raise CatalogError(f"the database did not answer: {reason}") from reason
        finally:
            self._here.ask = None
            connection.close()

    def _prepare(self, statement: Any) -> Prepared:
        compiled = statement.compile(dialect=self._engine.dialect)
        order = compiled.positiontup if compiled.positional else None
        self._prepared[statement] = found = Prepared(str(compiled), dict(compiled.params), order)
        return found
