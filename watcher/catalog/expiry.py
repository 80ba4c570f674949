"""What may go: the oldest clips by the time that counts, under the conditions of a rule; never a held one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import cameras, clips
from watcher.model.clip import milliseconds, moment
from watcher.model.doubt import Doubt, doubt

PAGE = 500  # rows asked for at a time


class Old(NamedTuple):
    """A clip that may go. What ends in _ms is in milliseconds since 1970."""

    id: int
    key: str
    camera: str
    started_ms: int
    size_bytes: int
    ended_ms: int
    arrived_ms: int
    counts_ms: int  # the start or the arrival
    quality: str  # of the start

    @property
    def started_at(self) -> datetime:
        """When it begins."""
        return moment(self.started_ms)

    @property
    def span(self) -> tuple[str, int, int]:
        """Whose it is, and from when to when, in milliseconds since 1970."""
        return self.camera, self.started_ms, self.ended_ms

    @property
    def doubt(self) -> Doubt | None:
        """Why the arrival counts; None where the start does."""
        if self.counts_ms == self.started_ms:
            return None
        return doubt(self.started_ms, self.arrived_ms, self.quality) or Doubt.LAG


class Aged(NamedTuple):
    """What a rule by age is about, in milliseconds since 1970."""

    before_ms: int  # what counts from earlier is too old …
    came_before_ms: int  # … if it came before this
    since_ms: int  # what became too old since the last time counts from after this, or came after this

    def due(self) -> Any:
        """Whether a clip is to go."""
        return (clips.c.counts_ms < self.before_ms) & (clips.c.arrived_ms < self.came_before_ms)

    def more(self) -> Any:
        """Whether that is more than passing time makes due: it was too old before, and had come before."""
        came_since = (clips.c.arrived_ms > self.since_ms) & (clips.c.arrived_ms < self.before_ms)
        return (clips.c.counts_ms <= self.since_ms) & ~came_since

    def has_more(self, clip: Old) -> bool:
        """The same of one clip that is due."""
        return clip.counts_ms <= self.since_ms and not self.since_ms < clip.arrived_ms < self.before_ms


class Expiry:
    """The questions of retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def oldest(
        self,
        *,
        camera: str | None = None,
        but_cameras: Sequence[str] = (),
        labeled: bool | None = None,
        spared: bool | None = None,
        aged: Aged | None = None,
        but_more_of: Sequence[str] = (),
        local: bool = False,
    ) -> Iterator[Old]:
        """Clips in the order of the time that counts, oldest first; not those that are held.

        Read page by page, each by its own statement, so that no transaction is held while clips go. Those that are
        `aged` without what is more than passing time makes due, `but_more_of` some cameras. `local`: only those
        whose files lie in the video root.
        """
        conditions = _conditions(camera, but_cameras, labeled, self._database.labeled)
        if local:
            conditions.append(clips.c.store.is_(None))
        if aged is not None:
            conditions.append(aged.due())
            if but_more_of:
                conditions.append(~(aged.more() & clips.c.camera.in_(but_more_of)))
        streams = [
            self._oldest([*conditions, clips.c.spared == int(flag)])
            for flag in (False, True)
            if spared in {None, flag}
        ]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda old: (old.counts_ms, old.id))

    def _oldest(self, conditions: list[Any]) -> Iterator[Old]:
        columns = (
            clips.c.id,
            clips.c.key,
            clips.c.camera,
            clips.c.started_ms,
            clips.c.size_bytes,
            clips.c.ended_ms,
            clips.c.arrived_ms,
            clips.c.counts_ms,
            clips.c.time_quality,
        )
        select = sa.select(*columns).where(*conditions).order_by(clips.c.counts_ms, clips.c.id).limit(PAGE)
        after: tuple[int, int] | None = None
        while True:
            page = select
            if after is not None:
                page = select.where(sa.tuple_(clips.c.counts_ms, clips.c.id) > sa.tuple_(*map(sa.literal, after)))
            with self._database.engine.connect() as connection:
                rows = connection.execute(page).fetchall()
            for row in rows:
                yield Old(*row)
            if len(rows) < PAGE:
                return
            after = (rows[-1].counts_ms, rows[-1].id)

    def more_than_due(
        self, aged: Aged, *, camera: str | None, but_cameras: Sequence[str], labeled: bool | None
    ) -> dict[str, tuple[int, int]]:
        """Of each camera, the clips that a rule by age would remove beyond what is due by time; their bytes."""
        sums = sa.select(clips.c.camera, sa.func.count(), sa.func.sum(clips.c.size_bytes)).group_by(clips.c.camera)
        excess: dict[str, tuple[int, int]] = {}
        with self._database.engine.connect() as connection:
            for spared in (0, 1):
                conditions = [
                    *_conditions(camera, but_cameras, labeled, self._database.labeled),
                    clips.c.spared == spared,
                ]
                for name, count, size in connection.execute(sums.where(*conditions, aged.due(), aged.more())):
                    before = excess.get(name, (0, 0))
                    excess[name] = (before[0] + count, before[1] + int(size))
        return excess

    def kept_sums(self) -> dict[str, tuple[int, int]]:
        """How many listed clips each camera has, and their bytes."""
        select = sa.select(cameras.c.camera, cameras.c.clips, cameras.c.size_bytes).where(cameras.c.clips > 0)
        with self._database.engine.connect() as connection:
            return {camera: (count, size) for camera, count, size in connection.execute(select)}

    def spared_bytes(self) -> dict[str, int]:
        """Of each camera, the bytes of what is spared for a while, since it was very old when it came."""
        late = (clips.c.spared == sa.literal_column("1")) & (clips.c.listed == 1) & (clips.c.held == 0)
        sums = sa.select(clips.c.camera, sa.func.sum(clips.c.size_bytes)).where(late).group_by(clips.c.camera)
        with self._database.engine.connect() as connection:
            return {camera: int(size) for camera, size in connection.execute(sums)}

    def live_bytes(self, since_ms: int) -> dict[str, int]:
        """Of each camera, the bytes of what came since a moment and was recorded then."""
        live = (clips.c.listed == 1) & (clips.c.spared == 0) & (clips.c.counts_ms >= since_ms)
        sums = sa.select(clips.c.camera, sa.func.sum(clips.c.size_bytes)).where(live).group_by(clips.c.camera)
        with self._database.engine.connect() as connection:
            return {camera: int(size) for camera, size in connection.execute(sums)}

    def last_catalogued_ms(self) -> int | None:
        """When the newest row was made, in milliseconds since 1970: a watcher ran then. None without any."""
        newest = sa.select(clips.c.ingested_ms).order_by(clips.c.id.desc()).limit(1)
        with self._database.engine.connect() as connection:
            return connection.execute(newest).scalar()

    def arrived_bytes(self, since: datetime, until: datetime | None = None) -> int:
        """Bytes of the listed clips that began since a moment, and before another one."""
        total = sa.select(sa.func.coalesce(sa.func.sum(clips.c.size_bytes), 0))
        with self._database.engine.connect() as connection:
            where = (clips.c.listed == 1) & (clips.c.started_ms >= milliseconds(since))
            if until is not None:
                where &= clips.c.started_ms < milliseconds(until)
            return int(connection.execute(total.where(where)).scalar_one())


def _conditions(
    camera: str | None, but_cameras: Sequence[str], labeled: bool | None, has_label: sa.ColumnElement[bool]
) -> list[Any]:
    conditions = [clips.c.listed == 1, clips.c.held == 0]
    if camera is not None:
        conditions.append(clips.c.camera == camera)
    if but_cameras:
        conditions.append(clips.c.camera.not_in(but_cameras))
    if labeled is not None:
        conditions.append(has_label if labeled else sa.not_(has_label))
    return conditions
