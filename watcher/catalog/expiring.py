"""What may go: the oldest clips, under the conditions of a rule; never a held one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from watcher.catalog.schema import clips
from watcher.clip import milliseconds, moment

PAGE = 500  # rows asked for at a time


class Old(NamedTuple):
    """A clip that may go."""

    id: int
    key: str
    camera: str
    started_at: datetime
    size_bytes: int
    ended_ms: int

    @property
    def span(self) -> tuple[str, int, int]:
        """Whose it is, and from when to when, in milliseconds since 1970."""
        return self.camera, milliseconds(self.started_at), self.ended_ms


class Expiring:
    """The questions of retention."""

    engine: sa.Engine

    def oldest(
        self,
        *,
        before: datetime | None = None,
        camera: str | None = None,
        but_cameras: Sequence[str] = (),
        labeled: bool | None = None,
    ) -> Iterator[Old]:
        """Listed clips that are not held, oldest first; read page by page, in no lasting transaction."""
        wanted = [clips.c.listed == 1, clips.c.held == 0]
        if before is not None:
            wanted.append(clips.c.started_ms < milliseconds(before))
        if camera is not None:
            wanted.append(clips.c.camera == camera)
        if but_cameras:
            wanted.append(clips.c.camera.not_in(but_cameras))
        if labeled is not None:
            wanted.append(clips.c.labels.is_not(None) if labeled else clips.c.labels.is_(None))
        columns = (
            clips.c.id,
            clips.c.key,
            clips.c.camera,
            clips.c.started_ms,
            clips.c.size_bytes,
            clips.c.ended_ms,
        )
        select = sa.select(*columns).where(*wanted).order_by(clips.c.started_ms, clips.c.id).limit(PAGE)
        after: tuple[int, int] | None = None
        while True:
            page = select
            if after is not None:
                page = select.where(sa.tuple_(clips.c.started_ms, clips.c.id) > sa.tuple_(*map(sa.literal, after)))
            with self.engine.connect() as connection:
                rows = connection.execute(page).fetchall()
            for row in rows:
                yield Old(row[0], row[1], row[2], moment(row[3]), row[4], row[5])
            if len(rows) < PAGE:
                return
            after = (rows[-1][3], rows[-1][0])

    def arrived_bytes(self, since: datetime, until: datetime | None = None) -> int:
        """Bytes of the listed clips that began since a moment, and before another one."""
        total = sa.select(sa.func.coalesce(sa.func.sum(clips.c.size_bytes), 0))
        with self.engine.connect() as connection:
            where = (clips.c.listed == 1) & (clips.c.started_ms >= milliseconds(since))
            if until is not None:
                where &= clips.c.started_ms < milliseconds(until)
            return int(connection.execute(total.where(where)).scalar_one())
