"""Links to clips that work without a key: what each of them shows, until when, and who made it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from watcher.catalog.audit import By, note
from watcher.catalog.database import Database
from watcher.catalog.keys import USED_MS
from watcher.catalog.schema import clips, shares
from watcher.model.clip import Fingerprint, milliseconds, moment
from watcher.model.errors import ClipNotFoundError, TooManyError

SHARES_MOST = 1000  # of one key that have not expired
_PRESENT = ("new", "ready", "broken")  # states of clips whose file should be there


class Share(NamedTuple):
    """A link to one content of one clip."""

    id: str
    clip_id: int
    key: str  # the clip's
    camera: str
    author: str  # the name of the key that it is of
    created_at: datetime
    until: datetime
    last_view_at: datetime | None
    fingerprint: Fingerprint  # of the clip's file as it is catalogued


class Shares:
    """What is shared."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, share_id: str, clip_id: int, *, until: datetime, by: By) -> None:
        """Note a link to a clip as it is now; what has expired goes. Raises ClipNotFoundError, TooManyError."""
        with self._database.write() as connection:
            clip = connection.execute(sa.select(clips.c.key, clips.c.digest).where(clips.c.id == clip_id)).first()
            if clip is None:
                raise ClipNotFoundError(f"there is no clip {clip_id}")
            values = {
                "id": share_id,
                "clip_id": clip_id,
                "content": clip.digest,
                "author": by.who,
                "key_id": by.key_id,
                "created_ms": milliseconds(by.at),
                "until_ms": milliseconds(until),
            }
            connection.execute(sa.delete(shares).where(shares.c.until_ms <= milliseconds(by.at)))
            mine = sa.select(sa.func.count()).select_from(shares).where(shares.c.key_id == by.key_id)
            if connection.execute(mine).scalar_one() >= SHARES_MOST:
                raise TooManyError(f"{SHARES_MOST:,} links of one key are enough: end some, or let them expire")
            connection.execute(sa.insert(shares).values(values))
            note(connection, "shared", f"{share_id}: {clip.key}, until {until:%Y-%m-%d %H:%M}Z", by)

    def get(self, share_id: str, *, now: datetime) -> Share | None:
        """What a link shows; None for one that has expired, was ended, or whose clip has another content."""
        matches = self._select(now, shares.c.id == share_id, clips.c.digest == shares.c.content)
        return matches[0] if matches else None

    def all(self, *, now: datetime, author: str | None = None, key_id: int | None = None) -> list[Share]:
        """The links that go on, of one key, of all keys that had a name, or of all, the newest first."""
        return self._select(now, *_of(author, key_id))

    def note_view(self, share: Share, *, now: datetime) -> None:
        """Note that a link was used; to the minute, as of keys."""
        if share.last_view_at is None or milliseconds(now) - milliseconds(share.last_view_at) > USED_MS:
            with self._database.write() as connection:
                mine = sa.update(shares).where(shares.c.id == share.id)
                connection.execute(mine.values(last_view_ms=milliseconds(now)))

    def end(
        self, *, author: str | None = None, key_id: int | None = None, share_id: str | None = None, by: By
    ) -> int:
        """End links: of those that `all` tells the one with this id or all; how many there were."""
        gone = _of(author, key_id)
        if share_id is not None:
            gone.append(shares.c.id == share_id)
        with self._database.write() as connection:
            rows = connection.execute(sa.select(shares.c.id, shares.c.author).where(*gone)).all()
            connection.execute(sa.delete(shares).where(*gone))
            for ended, name in rows:
                note(connection, "share ended", f"{ended} of {name}", by)
        return len(rows)

    def _select(self, now: datetime, *conditions: sa.ColumnElement[bool]) -> list[Share]:
        live = (shares.c.until_ms > milliseconds(now)) & clips.c.state.in_(_PRESENT)
        select = sa.select(shares, clips.c.key, clips.c.camera, clips.c.size_bytes, clips.c.mtime_ns)
        select = select.join(clips, shares.c.clip_id == clips.c.id).where(live, *conditions)
        with self._database.engine.connect() as connection:
            return [
                Share(
                    row.id,
                    row.clip_id,
                    row.key,
                    row.camera,
                    row.author,
                    moment(row.created_ms),
                    moment(row.until_ms),
                    None if row.last_view_ms is None else moment(row.last_view_ms),
                    Fingerprint(row.size_bytes, row.mtime_ns),
                )
                for row in connection.execute(select.order_by(shares.c.created_ms.desc(), shares.c.id))
            ]


def _of(author: str | None, key_id: int | None) -> list[sa.ColumnElement[bool]]:
    named = [] if author is None else [shares.c.author == author]
    return named if key_id is None else [*named, shares.c.key_id == key_id]
