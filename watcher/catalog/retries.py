"""Clips whose pictures are tried again later, and those that have none: what becomes of a decoder's trouble.

A clip that waits is not due (`render_due` is 0) and has a row that says until when, how often it was tried, and
why. One transaction makes it so; a crash before that leaves it due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rendition_names import PICTURE
from watcher.catalog.schema import clips, render_retries
from watcher.model.clip import ClipState, milliseconds

NO_PICTURE = "it has no picture"  # of a clip that is sound only: no trouble
COUNTED = 1000  # clips without a picture, beyond which nobody needs the number


class Trouble(NamedTuple):
    """A clip without a picture, and why."""

    clip_id: int
    key: str
    camera: str
    error: str


class Troubles(NamedTuple):
    """Clips without a picture, and those tried again: how many (COUNTED at most), and the newest of them."""

    number: int
    newest: list[Trouble]
    waiting: int
    later: list[Trouble]


class Retries:
    """What is known of clips whose pictures could not be made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tries(self, clip_id: int, digest: str) -> int:
        """How often this content was tried in vain and put off."""
        mine = (render_retries.c.clip_id == clip_id) & (render_retries.c.digest == digest)
        with self._database.engine.connect() as connection:
            return int(connection.execute(sa.select(render_retries.c.tries).where(mine)).scalar() or 0)

    def retry(self, clip_id: int, digest: str, error: str, *, tries: int, due: datetime) -> None:
        """Let a clip's picture wait; nothing if its content changed meanwhile."""
        same = (clips.c.id == clip_id) & (clips.c.digest == digest)
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            if not connection.execute(sa.update(clips).where(same).values(render_due=0)).rowcount:
                return
            connection.execute(sa.delete(render_retries).where(render_retries.c.clip_id == clip_id))
            row = {"digest": digest, "tries": tries, "due_ms": milliseconds(due), "error": error}
            connection.execute(sa.insert(render_retries).values(clip_id=clip_id, **row))

    def renew(self, now: datetime) -> int | None:
        """Let those be due whose time has come; milliseconds since 1970 until which no other one's comes."""
        come = render_retries.c.due_ms <= milliseconds(now)
        with self._database.engine.connect() as connection:
            least = _least(connection)
        if least is None or least > milliseconds(now):
            return least
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            rows = connection.execute(sa.select(render_retries).where(come, _WAITS)).fetchall()
            for row in rows:
                same = (clips.c.id == row.clip_id) & (clips.c.digest == row.digest)
                same &= clips.c.state.in_([ClipState.NEW, ClipState.READY])
                connection.execute(sa.update(clips).where(same).values(render_due=PICTURE))
            # What was tried stays known, so that the next try is not the first one.
            connection.execute(sa.update(render_retries).where(come).values(due_ms=NEVER))
            return _least(connection)

    def troubles(self, limit: int, cameras: Sequence[str] = ()) -> Troubles:
        """Clips, of some cameras or all, that have no picture for another reason than that they are sound only."""
        columns = (clips.c.id, clips.c.key, clips.c.camera)
        wrong = clips.c.poster_error.is_not(None) & (clips.c.poster_error != NO_PICTURE)
        wrong &= clips.c.state == sa.literal_column("'ready'")
        waits = _WAITS & (render_retries.c.clip_id == clips.c.id)
        with self._database.engine.connect() as connection:
            rows: list[Any] = []
            for error, which in ((clips.c.poster_error, wrong), (render_retries.c.error, waits)):
                mine = which & clips.c.camera.in_(cameras) if cameras else which
                some = sa.select(clips.c.id).where(mine).limit(COUNTED).subquery()
                newest = sa.select(*columns, error).where(mine)
                newest = newest.order_by(clips.c.started_ms.desc(), clips.c.id.desc()).limit(limit)
                rows.append(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
                rows.append([Trouble(*row) for row in connection.execute(newest)])
        return Troubles(*rows)


NEVER = 2**62  # of a clip that is due, or was set aside
_WAITS = render_retries.c.due_ms < NEVER


def _least(connection: sa.Connection) -> int | None:
    least = connection.execute(sa.select(sa.func.min(render_retries.c.due_ms)).where(_WAITS)).scalar()
    return None if least is None else int(least)


def forget_retries(connection: sa.Connection, clip_ids: Sequence[Any]) -> None:
    """These clips have what they need."""
    connection.execute(sa.delete(render_retries).where(render_retries.c.clip_id.in_(clip_ids)))
