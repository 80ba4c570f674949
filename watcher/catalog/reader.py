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

from watcher.catalog.engine import same_file
from watcher.catalog.integrity import damage, is_damage
from watcher.model.errors import CatalogError

TURN_SECONDS = 0.05  # of waiting for others who read: fifty times what a list takes

Ask = Callable[[sa.Select[Any] | sa.CompoundSelect[Any], Mapping[str, Any]], list[Any]]


class Prepared(NamedTuple):
    """A statement as its driver takes it."""

    text: str
    defaults: dict[str, Any]  # values that the statement itself has
    order: list[str] | None  # of values, for a driver that takes them by position


class Reader:
    """Reads of one engine, by prepared statements, over connections that it keeps for itself.

    Threads that read a SQLite catalog take turns, and so mostly share one connection: SQLite's driver lets go of
    the interpreter at every row, so that threads which read at once mostly wait for each other. Whoever waited for
    long, since a disk is slow, reads beside. On PostgreSQL each thread has a connection of its own. On neither is
    there a transaction, which would have to be begun and ended: each statement reads what is committed.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._same = same_file(engine)
        self._turn = threading.Lock()
        self._idle: list[Any] = []  # the driver's connections that nobody reads by just now
        # A statement that nobody keeps any more is forgotten here too.
        self._prepared: WeakKeyDictionary[Any, Prepared] = WeakKeyDictionary()
        self._here = threading.local()  # `ask`: of the reading that this thread is in
        sa.event.listen(engine, "engine_disposed", self._close)

    def __call__(self) -> contextlib.AbstractContextManager[Ask]:
        """Statements over one connection; one reading within another is part of it.

        Raises CatalogError if the database does not answer.
        """
        outer = getattr(self._here, "ask", None)
        return self._begin() if outer is None else contextlib.nullcontext(outer)

    @contextlib.contextmanager
    def _begin(self) -> Iterator[Ask]:
        held = self._sqlite and self._turn.acquire(timeout=TURN_SECONDS)
        try:
            with self._connected() as ask:
                self._here.ask = ask
                yield ask
        finally:
            self._here.ask = None
            if held:
                self._turn.release()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Ask]:
        driver: Any = self._engine.dialect.loaded_dbapi
        if self._same is not None:
            self._same.check()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()

        def ask(statement: Any, values: Mapping[str, Any]) -> list[Any]:
            nonlocal connection
            prepared = self._prepared.get(statement) or self._prepare(statement)
            whole = {**prepared.defaults, **values}
            ordered = whole if prepared.order is None else [whole[name] for name in prepared.order]
            try:
                rows = connection.execute(prepared.text, ordered)
            except driver.OperationalError:
                if self._sqlite or not connection.closed:
                    raise
                connection = self._open()  # it went while it lay idle, as when the server was restarted
                rows = connection.execute(prepared.text, ordered)
            return list(rows.fetchall())

        good = True
        try:
            yield ask
        except driver.Error as reason:
            good = False
            if is_damage(reason):
                raise damage(reason) from reason
            if isinstance(reason, (driver.OperationalError, driver.InterfaceError)):
                raise CatalogError(f"the database did not answer: {reason}") from reason
            raise
        finally:
            if good:
                self._idle.append(connection)
            else:
                connection.close()

    def _open(self) -> Any:
        driver: Any = self._engine.dialect.loaded_dbapi
        try:
            pooled = self._engine.raw_connection()
        except driver.Error as reason:  # the driver's own, from here: nobody has made it one of SQLAlchemy's
            raise (
                damage(reason) if is_damage(reason) else CatalogError(f"the database did not answer: {reason}")
            ) from reason
        connection: Any = pooled.driver_connection
        pooled.detach()
        if not self._sqlite:
            connection.autocommit = True
        return connection

    def _close(self, _engine: sa.Engine) -> None:
        while self._idle:
            self._idle.pop().close()

    def _prepare(self, statement: Any) -> Prepared:
        compiled = statement.compile(dialect=self._engine.dialect)
        order = compiled.positiontup if compiled.positional else None
        self._prepared[statement] = prepared = Prepared(str(compiled), dict(compiled.params), order)
        return prepared
