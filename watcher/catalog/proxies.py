"""ProxySums: wanted, made, gone.

    asked ─▶ a row waits ─▶ file on disk ─▶ that row says so, and the clip's ─▶ too old: both rows, then the file

A crash before the rows say so makes the file again under the same name; one after they have forgotten it leaves a
file that nobody names, which goes at the next start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rendition_names import proxy_name
from watcher.catalog.rows import rendered
from watcher.catalog.schema import clips, counters, proxies
from watcher.model.clip import ClipState, Playable, milliseconds
from watcher.model.errors import ClipNotFoundError

BATCH = 500  # rows looked at in one statement


class ProxyJob(NamedTuple):
    """A clip that a proxy is to be made of."""

    clip_id: int
    key: str
    digest: str
    media: str | None  # MediaInfo as JSON


class Proxy(NamedTuple):
    """How it is with a clip's proxy."""

    made: bool
    error: str | None
    before: int  # others that are made first; 0 for one that is made, or is in the making
    share: float = 0.0  # that is done


class ProxySums(NamedTuple):
    """All of them."""

    waiting: int
    made: int
    size_bytes: int


_WAITING = proxies.c.done_ms.is_(None)
_TURN = (proxies.c.ahead, proxies.c.asked_ms, proxies.c.clip_id)


class Proxies:
    """What is known of proxies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def want(self, clip_id: int, *, now: datetime) -> None:
        """Somebody wants to watch a clip; asking again is no harm. What failed before is tried again.

        Raises ClipNotFoundError.
        """
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            there = (clips.c.id == clip_id) & (clips.c.state != ClipState.RETIRED)
            digest = connection.execute(sa.select(clips.c.digest).where(there)).scalar()
            if digest is None:
                raise ClipNotFoundError(f"there is no clip {clip_id}")
            row = connection.execute(sa.select(proxies).where(proxies.c.clip_id == clip_id)).first()
            fresh = {
                "digest": digest,
                "ahead": 0,
                "asked_ms": milliseconds(now),
                "done_ms": None,
                "size_bytes": None,
                "error": None,
                "share": None,
            }
            if row is None:
                connection.execute(sa.insert(proxies).values(clip_id=clip_id, **fresh))
            elif row.digest != digest or row.error is not None or (row.done_ms is None and row.ahead):
                connection.execute(sa.update(proxies).where(proxies.c.clip_id == clip_id).values(fresh))

    def want_ahead(self, *, started_after: datetime, now: datetime) -> bool:
        """Want one of each clip that has changed since the last time, is not older, and does not play everywhere.

        Looks at some of them; whether there may be more.
        """
        since = self._database.counter("proxied")
        select = sa.select(clips).where(clips.c.revision > since).order_by(clips.c.revision).limit(BATCH)
        with self._database.engine.connect() as connection:
            rows = connection.execute(select).fetchall()
        if not rows:
            return False
        wishes = [
            {"clip_id": row.id, "digest": row.digest, "ahead": 1, "asked_ms": milliseconds(now)}
            for row in rows
            if row.state == ClipState.READY
            and row.playable in {Playable.NO, Playable.MAYBE}
            and row.started_ms > milliseconds(started_after)
        ]
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            there = set(
                connection.execute(sa.select(clips.c.id).where(clips.c.id.in_([row.id for row in rows]))).scalars()
            )
            fresh = [wish for wish in wishes if wish["clip_id"] in there]  # not forgotten meanwhile
            if fresh:
                connection.execute(self._database.insert(proxies).on_conflict_do_nothing(), fresh)
            upto = sa.update(counters).where(counters.c.name == "proxied")
            connection.execute(upto.values(value=rows[-1].revision))
        return len(rows) == BATCH

    def next(self) -> ProxyJob | None:
        """What is to be made next: what somebody waits for, in their order."""
        select = (
            sa.select(proxies.c.clip_id, clips.c.key, clips.c.digest, clips.c.media)
            .where(_WAITING, proxies.c.clip_id == clips.c.id, clips.c.state == ClipState.READY)
            .order_by(*_TURN)
            .limit(1)
        )
        with self._database.engine.connect() as connection:
            row = connection.execute(select).first()
        return None if row is None else ProxyJob(*row)

    def get(self, clip_id: int) -> Proxy | None:
        """How it is with a clip's proxy; None if nobody wants one."""
        mine = sa.select(proxies, clips.c.digest.label("now")).where(proxies.c.clip_id == clips.c.id)
        with self._database.engine.connect() as connection:
            row = connection.execute(mine.where(proxies.c.clip_id == clip_id)).first()
            if row is None or row.digest != row.now:
                return None
            if row.done_ms is not None:
                return Proxy(row.error is None, row.error, 0, 1.0)
            earlier = sa.tuple_(*_TURN) < sa.tuple_(*map(sa.literal, (row.ahead, row.asked_ms, clip_id)))
            before = connection.execute(sa.select(sa.func.count()).where(_WAITING, earlier)).scalar_one()
        return Proxy(False, None, int(before), row.share or 0.0)

    def set_share(self, clip_id: int, share: float) -> None:
        """Note how much of a proxy is done."""
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            mine = (proxies.c.clip_id == clip_id) & _WAITING
            connection.execute(sa.update(proxies).where(mine).values(share=share))

    def set_done(self, clip_id: int, digest: str, size_bytes: int, *, now: datetime) -> bool:
        """Note that a proxy was made; False if nobody wants it any more, or the content changed."""
        done = {"done_ms": milliseconds(now), "size_bytes": size_bytes, "error": None, "digest": digest}
        return self._done(clip_id, digest, done, proxy_name(clip_id, digest))

    def set_error(self, clip_id: int, digest: str, error: str, *, now: datetime) -> bool:
        """Note why there can be no proxy; False if nobody wants it any more, or the content changed."""
        return self._done(clip_id, digest, {"done_ms": milliseconds(now), "error": error, "digest": digest}, None)

    def _done(self, clip_id: int, digest: str, values: dict[str, Any], name: str | None) -> bool:
        with self._database.write() as connection:
            revision = self._database.revisions(connection, 1) + 1
            there = (clips.c.id == clip_id) & (clips.c.digest == digest) & (clips.c.state != ClipState.RETIRED)
            if connection.execute(sa.select(clips.c.id).where(there)).first() is None:
                return False
            result = connection.execute(sa.update(proxies).where(proxies.c.clip_id == clip_id).values(values))
            if not result.rowcount:
                return False
            connection.execute(sa.update(clips).where(there).values(proxy=name, **rendered(revision)))
        return True

    def spent(self, before: datetime, most_bytes: int) -> list[int]:
        """Clips whose proxy is to go: made before a moment, or of another content, or too many bytes together."""
        select = sa.select(
            proxies.c.clip_id, proxies.c.done_ms, proxies.c.size_bytes, proxies.c.digest, clips.c.digest
        )
        select = select.where(proxies.c.clip_id == clips.c.id, proxies.c.done_ms.is_not(None))
        clip_ids, total = [], 0
        with self._database.engine.connect() as connection:
            for clip_id, done, size, digest, now in connection.execute(select.order_by(proxies.c.done_ms.desc())):
                total += size or 0
                if done < milliseconds(before) or total > most_bytes or digest != now:
                    clip_ids.append(clip_id)
        return clip_ids[:BATCH]

    def drop(self, clip_ids: Sequence[int]) -> list[str]:
        """Forget some proxies; the names of their files, which nobody needs any more."""
        if not clip_ids:
            return []
        with self._database.write() as connection:
            revision = self._database.revisions(connection, len(clip_ids))
            columns = sa.select(proxies.c.clip_id, proxies.c.digest, proxies.c.size_bytes)
            rows = connection.execute(columns.where(proxies.c.clip_id.in_(clip_ids))).fetchall()
            connection.execute(sa.delete(proxies).where(proxies.c.clip_id.in_(clip_ids)))
            for row in rows:
                revision += 1
                shown = (clips.c.id == row.clip_id) & clips.c.proxy.is_not(None)
                connection.execute(sa.update(clips).where(shown).values(proxy=None, **rendered(revision)))
        return [proxy_name(row.clip_id, row.digest) for row in rows if row.size_bytes is not None]

    def names(self) -> set[str]:
        """The names of all that were made, or are wanted."""
        with self._database.engine.connect() as connection:
            rows = connection.execute(sa.select(proxies.c.clip_id, proxies.c.digest))
            return {proxy_name(*row) for row in rows}

    def without(self, there: set[str]) -> list[int]:
        """Clips that are said to have a proxy, whose file is not among those that are there."""
        select = sa.select(proxies.c.clip_id, proxies.c.digest).where(proxies.c.size_bytes.is_not(None))
        with self._database.engine.connect() as connection:
            return [row.clip_id for row in connection.execute(select) if proxy_name(*row) not in there]

    def sums(self) -> ProxySums:
        """How many there are, and how many wait."""
        waits = sa.func.sum(sa.case((_WAITING, 1), else_=0))
        count = sa.func.sum(sa.case((proxies.c.size_bytes.is_not(None), 1), else_=0))
        size = sa.func.sum(proxies.c.size_bytes)
        with self._database.engine.connect() as connection:
            row = connection.execute(
                sa.select(*(sa.func.coalesce(number, 0) for number in (waits, count, size)))
            ).one()
        return ProxySums(int(row[0]), int(row[1]), int(row[2]))
