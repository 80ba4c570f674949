"""Which of several ingesters makes the pictures of which clips, so that each is decoded once.

A claim holds for some time. Whoever is at work renews it; those of one that was killed come back by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.files import find_unrendered
from watcher.catalog.rendition_names import Renditions
from watcher.catalog.rows import Unrendered
from watcher.catalog.schema import claims, clips
from watcher.model.clip import milliseconds


class Claims:
    """Who makes what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self,
        owner: str,
        limit: int,
        *,
        until: datetime,
        now: datetime,
        exclude: Sequence[int] = (),
        what: Renditions = Renditions.ALL,
    ) -> list[Unrendered]:
        """What `unrendered` finds and nobody has claimed; it is this owner's until a moment."""
        free = ~sa.exists().where(claims.c.clip_id == clips.c.id)
        with self._database.write() as connection:
            self._database.revisions(connection, 0)  # whoever asks at the same time waits here, on both engines
            connection.execute(sa.delete(claims).where(claims.c.until_ms <= milliseconds(now)))
            jobs = find_unrendered(connection, limit, clips.c.id.not_in(exclude) & free, what)
            if jobs:
                rows = [{"clip_id": c.id, "owner": owner, "until_ms": milliseconds(until)} for c in jobs]
                connection.execute(claims.insert(), rows)
        return jobs

    def renew(self, owner: str, *, until: datetime) -> None:
        """They hold for longer."""
        with self._database.write() as connection:
            update = sa.update(claims).where(claims.c.owner == owner)
            connection.execute(update.values(until_ms=milliseconds(until)))

    def release(self, owner: str, clip_ids: Iterable[int] | None = None) -> None:
        """Some of an owner's, or all, are free again."""
        delete = sa.delete(claims).where(claims.c.owner == owner)
        if clip_ids is not None:
            delete = delete.where(claims.c.clip_id.in_(list(clip_ids)))
        with self._database.write() as connection:
            connection.execute(delete)
