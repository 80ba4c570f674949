"""The outbox of webhooks: which events each hook has still to get.

A clip is put into the outbox in the transaction that moves the hook's place forward, and taken out when its
delivery was answered: a crash in between delivers twice, and never not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import clips, counters, hooks, labels, outbox, silences
from watcher.model.clip import milliseconds, moment
from watcher.model.serialize import utc_of

# A clip that came longer ago is not told of when it is labeled: looking through a collection tells nobody.
LABELED_LATE = timedelta(days=1)


class Delivery(NamedTuple):
    """An event that a hook is to get."""

    revision: int
    clip_id: int
    attempts: int  # so far
    event: str | None  # JSON of what is told, where it is not of a clip


class _Happened(NamedTuple):
    """Something that hooks are told of."""

    revision: int
    clip_id: int  # 0 for a camera
    camera: str
    event: str | None


class Stuck(NamedTuple):
    """The events that a hook has not got."""

    url: str
    waiting: int
    since: datetime | None
    attempts: int  # of the most often tried one
    error: str | None  # what went wrong last


class Outbox:
    """The events that hooks are to get."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fill(
        self, url: str, cameras: Sequence[str], limit: int, *, now: datetime, names: Sequence[str] = ()
    ) -> bool:
        """Put clips that became ready, and cameras that fell silent or were back, into a hook's outbox.

        `limit` of them at most; whether there may be more. With names of labels it is clips that got one of them.
        A hook that is new begins with what is to come.
        """
        place = sa.select(hooks.c.revision).where(hooks.c.url == url)
        with self._database.engine.connect() as connection:  # mostly nothing: look before taking the lock
            since = connection.execute(place).scalar()
            head = max(
                connection.execute(sa.select(sa.func.max(column))).scalar() or 0
                for column in (clips.c.revision if names else clips.c.ready_revision, silences.c.revision)
            )
        if since is not None and head <= since:
            return False
        with self._database.write() as connection:
            if since is None:
                newest = connection.execute(
                    sa.select(counters.c.value).where(counters.c.name == "revision")
                ).scalar_one()
                begun = self._database.insert(hooks).values(url=url, revision=newest)
                connection.execute(begun.on_conflict_do_nothing())
                return False
            late = now - LABELED_LATE
            of_clips = _labeled(names, since, head, came_after=late) if names else _ready(since, head)
            events = _between(connection, of_clips, since, head, limit)
            at = milliseconds(now)
            rows = [
                {
                    "url": url,
                    "revision": event.revision,
                    "clip_id": event.clip_id,
                    "event": event.event,
                    "attempts": 0,
                    "due_ms": at,
                    "since_ms": at,
                }
                for event in events
                if not cameras or event.camera in cameras
            ]
            if rows:
                connection.execute(self._database.insert(outbox).on_conflict_do_nothing(), rows)
            until = events[-1].revision if len(events) == limit else head
            connection.execute(sa.update(hooks).where(hooks.c.url == url).values(revision=until))
        return len(events) == limit

    def due(self, url: str, limit: int, *, now: datetime, newest_first: bool = False) -> list[Delivery]:
        """The events that are due now, in order; of each clip only the first."""
        before = outbox.alias()
        first = ~sa.exists().where(
            before.c.url == outbox.c.url,
            before.c.clip_id == outbox.c.clip_id,
            before.c.revision < outbox.c.revision,
        )
        select = (
            sa.select(outbox.c.revision, outbox.c.clip_id, outbox.c.attempts, outbox.c.event)
            .where(outbox.c.url == url, outbox.c.due_ms <= milliseconds(now), first)
            .order_by(outbox.c.revision.desc() if newest_first else outbox.c.revision)
            .limit(limit)
        )
        with self._database.engine.connect() as connection:
            return [Delivery(*row) for row in connection.execute(select)]

    def delivered(self, url: str, revision: int) -> None:
        """Note that a hook has got an event."""
        with self._database.write() as connection:
            connection.execute(sa.delete(outbox).where(outbox.c.url == url, outbox.c.revision == revision))

    def undelivered(self, url: str, revision: int, *, due: datetime, error: str) -> None:
        """Note that a hook did not get an event, why, and when it is sent again."""
        row = sa.update(outbox).where(outbox.c.url == url, outbox.c.revision == revision)
        with self._database.write() as connection:
            connection.execute(row.values(attempts=outbox.c.attempts + 1, due_ms=milliseconds(due), told=error))

    def give_up(self, before: datetime) -> int:
        """Drop the events that a hook has not got for very long. Returns how many."""
        with self._database.write() as connection:
            old = sa.delete(outbox).where(outbox.c.since_ms < milliseconds(before))
            return int(connection.execute(old).rowcount)

    def stuck(self) -> list[Stuck]:
        """How each hook stands."""
        waiting = (
            sa.select(
                hooks.c.url,
                sa.func.count(outbox.c.revision),
                sa.func.min(outbox.c.since_ms),
                sa.func.coalesce(sa.func.max(outbox.c.attempts), 0),
                sa.func.max(outbox.c.told),
            )
            .outerjoin(outbox, outbox.c.url == hooks.c.url)
            .group_by(hooks.c.url)
            .order_by(hooks.c.url)
        )
        with self._database.engine.connect() as connection:
            return [
                Stuck(url, count, None if since is None else moment(since), attempts, error)
                for url, count, since, attempts, error in connection.execute(waiting)
            ]


def _labeled(names: Sequence[str], since: int, until: int, *, came_after: datetime) -> Any:
    """Clips that got some of these labels between two revisions, at the last of them.

    A clip has changed since it got them, so that the index of its newest revision finds it.
    """
    at = sa.func.max(labels.c.revision).label("at")
    of_clips = sa.select(at, clips.c.id, clips.c.camera).join(labels, labels.c.clip_id == clips.c.id)
    new = labels.c.name.in_(names) & (labels.c.revision > since) & (labels.c.revision <= until)
    some = of_clips.where(clips.c.revision > since, new, clips.c.ingested_ms >= milliseconds(came_after))
    return some.group_by(clips.c.id, clips.c.camera).order_by(at)


def _ready(since: int, until: int) -> Any:
    """Clips that became ready between two revisions."""
    at = clips.c.ready_revision
    return sa.select(at, clips.c.id, clips.c.camera).where(at > since, at <= until).order_by(at)


def _between(connection: sa.Connection, of_clips: Any, since: int, until: int, limit: int) -> list[_Happened]:
    """What happened after a revision, and until another one, the first of it."""
    silent = sa.select(silences).where(silences.c.revision > since, silences.c.revision <= until)
    events = [_Happened(row[0], row[1], row[2], None) for row in connection.execute(of_clips.limit(limit))]
    for row in connection.execute(silent.order_by(silences.c.revision).limit(limit)):
        event = {
            "type": "camera.silent" if row.silent else "camera.back",
            "data": {"camera": row.camera, "silent_since": utc_of(row.since_ms)},
        }
        events.append(_Happened(row.revision, 0, row.camera, msgspec.json.encode(event).decode()))
    return sorted(events)[:limit]
