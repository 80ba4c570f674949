"""What retention remembers, and how much went lately."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import facts, removals
from watcher.model.doubt import DAY_MS
from watcher.model.retention_state import Remembered

QUARTER_MS = 900_000
NAME = "retention"  # of the fact


class Went(NamedTuple):
    """What went of a camera by rules, in some time."""

    due_bytes: int  # by rules of bytes, for as many that came in
    more_clips: int  # beyond what passing time and incoming bytes make due


class RetentionState:
    """How retention remembers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remembered(self) -> Remembered | None:
        """What was remembered last; None before the first sweep."""
        with self._database.engine.connect() as connection:
            return _remembered(connection)

    def change(self, change: Callable[[Remembered | None], Remembered | None]) -> Remembered | None:
        """Remember what `change` makes of what was remembered; None leaves it as it is."""
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            fresh = change(_remembered(connection))
            if fresh is not None:
                text = msgspec.json.encode(fresh).decode()
                row = self._database.insert(facts).values(name=NAME, value=text)
                connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": text}))
        return fresh

    def note_removals(self, went: Mapping[str, Went], now_ms: int) -> None:
        """Add what went of some cameras just now; what is older than two days is forgotten."""
        quarter = now_ms // QUARTER_MS
        rows = [
            {"quarter": quarter, "camera": camera, **losses._asdict()} for camera, losses in sorted(went.items())
        ]
        old = ~removals.c.quarter.between(quarter - 2 * DAY_MS // QUARTER_MS, quarter)
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            connection.execute(sa.delete(removals).where(old))
            row = self._database.insert(removals)
            added = {c.name: c + row.excluded[c.name] for c in removals.c if not c.primary_key}
            connection.execute(row.on_conflict_do_update(index_elements=["quarter", "camera"], set_=added), rows)

    def went(self, since_ms: int) -> dict[str, Went]:
        """What went since the beginning of a moment's quarter of an hour, by camera."""
        sums = (sa.func.sum(removals.c.due_bytes), sa.func.sum(removals.c.more_clips))
        select = sa.select(removals.c.camera, *sums).where(removals.c.quarter >= since_ms // QUARTER_MS)
        with self._database.engine.connect() as connection:
            rows = connection.execute(select.group_by(removals.c.camera))
            return {camera: Went(int(size), int(count)) for camera, size, count in rows}


def _remembered(connection: sa.Connection) -> Remembered | None:
    text = connection.execute(sa.select(facts.c.value).where(facts.c.name == NAME)).scalar()
    try:
        return None if text is None else msgspec.json.decode(text, type=Remembered)
    except msgspec.DecodeError:  # of another version: as if it were new
        return None
