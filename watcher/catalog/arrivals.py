"""When content came, by the columns that retention goes by; and clocks that were found wrong afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rows import Probed
from watcher.catalog.schema import cameras, clips
from watcher.model.clip import milliseconds
from watcher.model.doubt import AHEAD_MS, EARLIEST_MS, Came, counting

BATCH = 500  # rows of one transaction
PAGE = 500


def arrived_ms(probed: Probed, now: datetime, *, scanned: bool) -> int:
    """When a file that is new here came: now; but what the first scan finds was there before, as the file tells."""
    at = milliseconds(now)
    file_ms = max(probed.fingerprint.mtime_ns, probed.changed_ns) // 1_000_000
    return file_ms if not scanned and probed.changed_ns and file_ms < at else at


def came(old: Any, values: dict[str, Any], arrived: int, doubt_ms: int) -> dict[str, int]:
    """The columns of a file that is put: the same content came when it came, another one comes now."""
    if old is None or old.digest != values["digest"]:
        return _columns(values["started_ms"], arrived, values["time_quality"], doubt_ms)
    if (old.started_ms, old.time_quality) == (values["started_ms"], values["time_quality"]):
        # What was found out about its camera's clock stays, and that it was spared for long enough.
        return {"arrived_ms": old.arrived_ms, "counts_ms": old.counts_ms, "spared": old.spared}
    return _columns(values["started_ms"], old.arrived_ms, values["time_quality"], doubt_ms)


def came_again(old: Any, now_ms: int, doubt_ms: int) -> dict[str, int]:
    """The columns of a clip that is had back: a person wants it, so that it is spared as if it came now."""
    columns = _columns(old.started_ms, now_ms, old.time_quality, doubt_ms)
    return columns | {"counts_ms": now_ms, "spared": 0} if old.counts_ms == old.arrived_ms else columns


def _columns(started: int, arrived: int, quality: str, doubt_ms: int) -> dict[str, int]:
    return {"arrived_ms": arrived, **counting(started, arrived, quality, doubt_ms)}


class Arrivals:
    """What is found out about clocks, a few rows at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def old(self, after: tuple[int, int]) -> Iterator[Came]:
        """The clips that are spared, in the order in which they came, after an arrival (ms) and id."""
        columns = (clips.c.id, clips.c.camera, clips.c.arrived_ms, clips.c.ended_ms)
        order = sa.tuple_(clips.c.arrived_ms, clips.c.id)
        select = sa.select(*columns).where(clips.c.spared == sa.literal_column("1"))
        while True:
            page = select.where(clips.c.arrived_ms >= after[0], order > sa.tuple_(*map(sa.literal, after)))
            with self._database.engine.connect() as connection:
                rows = connection.execute(page.order_by(clips.c.arrived_ms, clips.c.id).limit(PAGE)).fetchall()
            yield from (Came(*row) for row in rows)
            if len(rows) < PAGE:
                return
            after = (rows[-1].arrived_ms, rows[-1].id)

    def doubt(self, ids: list[int]) -> None:
        """Let the arrival of some clips count, since their camera's clock is behind."""
        values = {"counts_ms": clips.c.arrived_ms, "spared": 0}
        for start in range(0, len(ids), BATCH):
            with self._database.write() as connection:
                self._database.revisions(connection, 0)
                some = clips.c.id.in_(ids[start : start + BATCH])
                connection.execute(sa.update(clips).where(some).values(values))

    def end_grace(self, before: datetime) -> None:
        """Spare no longer what came before a moment."""
        late = (clips.c.spared == sa.literal_column("1")) & (clips.c.arrived_ms < milliseconds(before))
        some = sa.select(clips.c.id).where(late).order_by(clips.c.arrived_ms).limit(BATCH)
        while True:
            with self._database.write() as connection:
                self._database.revisions(connection, 0)
                ids = list(connection.execute(some).scalars())
                if ids:
                    connection.execute(sa.update(clips).where(clips.c.id.in_(ids)).values(spared=0))
            if len(ids) < BATCH:
                return

    def wrong(self, now: datetime, *, ahead: bool) -> list[int]:
        """Some clips that cannot have come when they are said to: before 2005; or, if `ahead`, after now.

        The host's clock was wrong when they came.
        """
        at = milliseconds(now)
        too_late = at + AHEAD_MS
        ids: list[int] = []
        if at < EARLIEST_MS:
            return ids
        with self._database.engine.connect() as connection:
            for spared in (0, 1):
                here = sa.select(clips.c.id).where(clips.c.listed == 1, clips.c.spared == spared).limit(BATCH)
                ids += connection.execute(here.where(clips.c.counts_ms < EARLIEST_MS)).scalars()
                if ahead:
                    ids += connection.execute(here.where(clips.c.counts_ms > too_late)).scalars()
            if ahead:
                late = sa.select(clips.c.id).where(clips.c.spared == sa.literal_column("1"))
                ids += connection.execute(late.where(clips.c.arrived_ms > too_late).limit(BATCH)).scalars()
        return list(dict.fromkeys(ids))

    def few_ahead(self, now: datetime) -> bool:
        """Whether hardly any clip counts from after now: else it is this machine's clock that is behind."""
        later = (clips.c.listed == 1) & (clips.c.spared == 0) & (clips.c.counts_ms > milliseconds(now) + AHEAD_MS)
        with self._database.engine.connect() as connection:
            ahead = int(connection.execute(sa.select(sa.func.count()).where(later)).scalar_one())
            total = connection.execute(sa.select(sa.func.sum(cameras.c.clips))).scalar() or 0
        return ahead <= total // 5

    def set_now(self, ids: list[int], now: datetime) -> None:
        """Let some clips have come now."""
        at = milliseconds(now)
        for start in range(0, len(ids), BATCH):
            with self._database.write() as connection:
                self._database.revisions(connection, 0)
                columns = (clips.c.id, clips.c.started_ms, clips.c.time_quality)
                some = sa.select(*columns).where(clips.c.id.in_(ids[start : start + BATCH]))
                for row in connection.execute(some).fetchall():
                    values = _columns(row.started_ms, at, row.time_quality, self._database.doubt_ms)
                    connection.execute(sa.update(clips).where(clips.c.id == row.id).values(values))
