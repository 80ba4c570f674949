"""How SQLite would answer what a test has asked: nothing may read all clips, however few a test has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from watcher.catalog.reader import Reader

# What reads a whole index on purpose: those that wait for pictures, and counts that are kept for a while.
MEANT = (
    "USING INDEX ix_clips_render_due",
    "USING INDEX ix_clips_sprite_due",
    "USING COVERING INDEX ix_clips_state_time",
)
_PLANNED = {"SELECT", "UPDATE", "DELETE", "WITH"}


@contextlib.contextmanager
def no_clips_read_in_vain(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails at the end where a statement that asks for some clips had to look at every one."""
    bound: dict[str, Any] = {}

    def hear(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        bound.setdefault(statement, values[0] if many else values)

    prepare = Reader._prepare

    def hear_prepared(self: Reader, statement: Any) -> Any:
        prepared = prepare(self, statement)
        bound.setdefault(prepared.text, tuple(prepared.order or ()))
        return prepared

    sa.event.listen(engine, "before_cursor_execute", hear)
    monkeypatch.setattr(Reader, "_prepare", hear_prepared)
    yield
    sa.event.remove(engine, "before_cursor_execute", hear)
    with engine.connect() as connection:
        for statement, values in bound.items():
            if statement.split(maxsplit=1)[0].upper() in _PLANNED and "WHERE" in statement:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
                for *_, step in plan:
                    assert not step.startswith("SCAN clips") or step.endswith(MEANT), (statement, plan)
