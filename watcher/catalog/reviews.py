"""Reviews: clips that nobody has labelled, handed out so that no two people or models look at the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from watcher.catalog.rows import CLIP, to_clip
from watcher.catalog.schema import clips, leases
from watcher.model.clip import Clip, ClipState, milliseconds


class Reviewing:
    """Who looks at what."""

    write: Callable[[], Any]
    _revisions: Callable[[sa.Connection, int], int]

    def lease(
        self, review: str, *, limit: int, until: datetime, now: datetime, cameras: Sequence[str] = ()
    ) -> list[Clip]:
        """The newest unlabeled clips that nobody looks at, which are this review's until a moment."""
        free = ~sa.exists().where(leases.c.clip_id == clips.c.id)
        select = CLIP.where(clips.c.listed == sa.literal_column("1"), clips.c.labels.is_(None), free)
        select = select.where(clips.c.state == ClipState.READY)
        if cameras:
            select = select.where(clips.c.camera.in_(cameras))
        select = select.order_by(clips.c.started_ms.desc(), clips.c.id.desc()).limit(limit)
        with self.write() as connection:
            self._revisions(connection, 0)  # whoever asks at the same time waits here, on both engines
            connection.execute(sa.delete(leases).where(leases.c.until_ms <= milliseconds(now)))
            found = [to_clip(row) for row in connection.execute(select)]
            if found:
                rows = [{"clip_id": c.id, "review": review, "until_ms": milliseconds(until)} for c in found]
                connection.execute(leases.insert(), rows)
        return found

    def release(self, review: str) -> int:
        """Give back what a review has not labelled; how many clips that were."""
        with self.write() as connection:
            return int(connection.execute(sa.delete(leases).where(leases.c.review == review)).rowcount)
