"""Objects of a store that become clips, or are found to be those of clips that looked lost.

Whether an object is somebody's is asked before it is read, and again in the transaction that notes it: the mover, a
person's word or another scan may have come in between. Retired clips count: what was given up does not come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.arrivals import arrived_ms
from watcher.catalog.batch import INSERT, complete, lengthen
from watcher.catalog.database import Database
from watcher.catalog.faults import blamed
from watcher.catalog.rendition_names import PICTURE, SPRITE, shows
from watcher.catalog.rows import FULL, SCANNED, Probed, gone_key, rendered, to_values
from watcher.catalog.schema import clips
from watcher.catalog.stored import COLD, DUE, NOTHING, RETURNED, SELECT, Lying
from watcher.catalog.sums import Sums
from watcher.model.clip import LISTED_STATES, ClipState, milliseconds

ALIKE_MOST = 100  # clips of one content that are looked at


class Home(NamedTuple):
    """Where an object lies, and how it is."""

    store: str
    key: str  # there
    etag: str
    sha256: str  # in hex


class Adoption:
    """What `watcher scan --store` asks and notes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # — questions —

    def holder(self, store: str, key: str) -> Lying | None:
        """The clip that has an object, also one that was given up, or came back and has it still."""
        with self._database.engine.connect() as connection:
            return _holder(connection, store, key)

    def named(self, key: str, clip_id: int | None) -> list[Lying]:
        """The clips of a key, or of a number, that were not given up."""
        which = clips.c.key == key if clip_id is None else (clips.c.key == key) | (clips.c.id == clip_id)
        return self._all(SELECT.where(which, clips.c.state != ClipState.RETIRED).order_by(clips.c.key != key))

    def alike(self, digest: str) -> list[Lying]:
        """Some clips of a content, missing ones first; also those that were given up."""
        order = (clips.c.state != ClipState.MISSING, clips.c.id)
        return self._all(SELECT.where(clips.c.digest == digest).order_by(*order).limit(ALIKE_MOST))

    # — steps —

    def bring_back(self, clip: Lying, home: Home, *, by_name: bool, pictures: bool, now: datetime) -> bool:
        """Note that a clip lies in a store, whose file is not where its row says; False if that changed meanwhile.

        `by_name`: the object is called as it is; a broken clip is told from others by that alone. `pictures`: its
        poster is there.
        """
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            same = [clips.c[name] == getattr(clip, name) for name in ("id", "key", "digest", "size_bytes", "state")]
            same += [clips.c.store_due == clip.due, clips.c.store == clip.store]
            old = connection.execute(FULL.where(*same)).first()
            other = _holder(connection, home.store, home.key)
            if old is None or (other is not None and other.id != clip.id) or (old.error and not by_name):
                return False
            values = _lying(home, now) | {"revision": fresh}
            if old.state == ClipState.MISSING:
                state = ClipState.BROKEN if old.error else ClipState.READY if old.media else ClipState.NEW
                values |= {"state": state.value, "listed": int(state in LISTED_STATES), "missing_ms": None}
                values["render_due"] = _due(old, state)
            if not pictures:
                state = ClipState(values.get("state", old.state))
                values |= {"poster": None, "sprite": None, "render_due": int(state is not ClipState.BROKEN)}
            connection.execute(sa.update(clips).where(clips.c.id == clip.id).values(values))
            sums = Sums()
            sums.take(old)
            sums.give({**old._mapping, **values})
            sums.write(connection, self._database.insert)
        return True

    def renew(self, clip: Lying, etag: str) -> bool:
        """Note another ETag of the same bytes; False if the clip lies elsewhere by now."""
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            same = (clips.c.id == clip.id, clips.c.store == clip.store, clips.c.store_key == clip.store_key)
            change = sa.update(clips).where(*same, clips.c.store_sha256 == clip.sha256)
            return bool(connection.execute(change.values(store_etag=etag, **rendered(fresh))).rowcount)

    def adopt(self, probed: Probed, home: Home, *, now: datetime) -> bool:
        """Catalog an object that is no clip's as a new one; False if it, its name or its content is somebody's.

        Raises RowError where the database takes its values for impossible.
        """
        with blamed(), self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            named = connection.execute(sa.select(clips).where(clips.c.key == probed.key)).first()
            alike = connection.execute(
                sa.select(clips.c.id).where(clips.c.digest == probed.digest).limit(1)
            ).first()
            if alike is not None or _holder(connection, home.store, home.key) is not None:
                return False
            if named is not None:
                if named.state != ClipState.RETIRED:
                    return False
                freed = sa.update(clips).where(clips.c.id == named.id)  # as when a file takes its name
                connection.execute(freed.values(key=gone_key(named.id, named.key)))
            values = to_values(probed, fresh)
            scanned = connection.execute(SCANNED).first() is not None
            arrived = arrived_ms(probed, now, scanned=scanned)
            complete(values, probed, None, arrived=arrived, doubt_ms=self._database.doubt_ms)
            values |= {"ingested_ms": milliseconds(now), **_lying(home, now)}
            connection.execute(INSERT, [values])
            sums = Sums()
            sums.give(values)
            sums.write(connection, self._database.insert)
            lengthen(connection, values["ended_ms"] - values["started_ms"])
        return True

    def _all(self, select: sa.Select[Any]) -> list[Lying]:
        with self._database.engine.connect() as connection:
            return [Lying(*row) for row in connection.execute(select)]


def _holder(connection: sa.Connection, store: str, key: str) -> Lying | None:
    there = SELECT.where(COLD, clips.c.store == store, clips.c.store_key == key)
    left = SELECT.where(DUE, clips.c.store_due == RETURNED, clips.c.store_key == f"{store}:{key}")
    rows: Sequence[Any] = [row for select in (there, left) for row in connection.execute(select.limit(1))]
    return Lying(*rows[0]) if rows else None


def _lying(home: Home, now: datetime) -> dict[str, Any]:
    return {
        "store": home.store,
        "store_key": home.key,
        "store_etag": home.etag,
        "store_sha256": home.sha256,
        "store_ms": milliseconds(now),
        "store_due": NOTHING,
    }


def _due(old: Any, state: ClipState) -> int:
    """What is to be made of a clip that was missing, and keeps what was made of it."""
    if state is ClipState.BROKEN:
        return 0
    if shows(old.poster, old.digest) or old.poster_error is not None:
        return 0 if old.sprite else SPRITE
    return PICTURE
