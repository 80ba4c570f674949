"""Reviews: clips that nobody has labelled, handed out so that no two people or models look at the same one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rows import CLIP, to_clip
from watcher.catalog.schema import clips, leases
from watcher.model.clip import Clip, ClipState, milliseconds


class Reviews:
    """The clips that are in somebody's hands."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        with self._database.write() as connection:
            self._database.revisions(connection, 0)  # whoever asks at the same time waits here, on both engines
            connection.execute(sa.delete(leases).where(leases.c.until_ms <= milliseconds(now)))
            page = [to_clip(row) for row in connection.execute(select)]
            if page:
                rows = [{"clip_id": c.id, "review": review, "until_ms": milliseconds(until)} for c in page]
                connection.execute(leases.insert(), rows)
        return page

    def release(self, review: str) -> int:
        """Give back what a review has not labelled; how many clips that were."""
        with self._database.write() as connection:
            return int(connection.execute(sa.delete(leases).where(leases.c.review == review)).rowcount)
