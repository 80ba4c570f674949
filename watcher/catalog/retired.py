"""Clips that are given up: marked first, their files removed by whoever marked them, and forgotten much later.

    ready ─▶ retired, its key still its file's ─▶ retired, its key behind a slash: nothing is left on disk ─▶ no row

A retired clip stands in the feed of changes until it is forgotten, and its key is free for another one at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.arrivals import came_again
from watcher.catalog.database import Database
from watcher.catalog.label_counts import count_labels, label_row, labels_in
from watcher.catalog.rendition_names import poster_files
from watcher.catalog.rows import FULL, gone_key, shown_key, unchanged
from watcher.catalog.rows import label_names as label_names_of
from watcher.catalog.schema import clips, counters, inspections, labels, leases, proxies
from watcher.catalog.stored import DROPPED, GIVEN_UP, NOTHING
from watcher.catalog.sums import Sums
from watcher.model.clip import ClipState, Fingerprint, Sprite, milliseconds
from watcher.model.errors import ChangedError, ClipNotFoundError, HeldError, TakenError
from watcher.model.search_words import words_of

BATCH = 500  # rows of one transaction


class Retired(NamedTuple):
    """A retired clip of which something is on disk, perhaps."""

    id: int
    key: str
    fingerprint: Fingerprint
    inode: int  # signed, as it is kept
    digest: str
    renditions: list[str]  # paths below the renditions folder
    store: str | None = None  # that has its bytes, for as long as it can be had back


class RetiredClips:
    """How clips leave the catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def retire(self, clip_id: int, *, revision: int | None = None, now: datetime) -> Retired | None:
        """Give a clip up. None if it was given up before and nothing of it is left.

        Raises ClipNotFoundError, HeldError, and ChangedError if the clip is not at the `revision` that is meant.
        """
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            old = connection.execute(FULL.where(clips.c.id == clip_id)).first()
            if old is None:
                raise ClipNotFoundError(f"there is no clip {clip_id}")
            if old.state == ClipState.RETIRED:
                return None if old.key.startswith("/") else _retired(old)
            if revision is not None and not unchanged(old, revision):
                raise ChangedError(f"the clip is at revision {old.revision}, not {revision}")
            if old.held:
                raise HeldError("the clip is held: let go of it first")
            values = {
                "state": ClipState.RETIRED.value,
                "listed": 0,
                "render_due": 0,
                "missing_ms": milliseconds(now),
                "words": None,
                "revision": fresh,
            }
            if old.store is not None:
                values["store_due"] = GIVEN_UP
            connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(values))
            count_labels(connection, self._database.insert, labels_in(old), old.camera, -1)
            for table in (labels, leases, proxies, inspections):
                connection.execute(sa.delete(table).where(table.c.clip_id == clip_id))
            sums = Sums()
            sums.take(old)
            sums.write(connection, self._database.insert)
        return _retired(old)

    def swept(self, clip_id: int) -> None:
        """Note that nothing of a retired clip is on disk any more: its key is free."""
        with self._database.write() as connection:
            still = (clips.c.id == clip_id) & (clips.c.state == ClipState.RETIRED) & ~clips.c.key.startswith("/")
            key = connection.execute(sa.select(clips.c.key).where(still)).scalar()
            if key is not None:
                values = {"key": gone_key(clip_id, key), "poster": None, "sprite": None, "proxy": None}
                connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(values))

    def revive(self, clip_id: int, *, now: datetime, by_request: bool = False) -> str:
        """Let a retired clip be one that is missing, with its labels: ready when its file was seen there.

        `by_request`: a person wants it back; it is spared as if it came now. Returns the key. Raises
        ClipNotFoundError unless it is retired, TakenError if another clip has the key. One that lies in a store is
        what it was.
        """
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            old = connection.execute(FULL.where(clips.c.id == clip_id)).first()
            if old is None or old.state != ClipState.RETIRED or old.store_due == DROPPED:
                raise ClipNotFoundError(f"there is no retired clip {clip_id}")
            key = shown_key(old.key)
            others = sa.select(clips.c.id).where(clips.c.key == key, clips.c.id != clip_id)
            if connection.execute(others).first() is not None:
                raise TakenError(f"another clip is called {key} now")
            names = label_names_of(old)
            values = {
                **(came_again(old, milliseconds(now), self._database.doubt_ms) if by_request else {}),
                "key": key,
                "state": ClipState.MISSING.value,
                "proxy": None,
                "missing_ms": milliseconds(now),
                "words": words_of(key, old.camera, names, old.note),
                "revision": fresh,
            }
            connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(values))
            if old.store is not None:
                state = ClipState.READY if old.error is None else ClipState.BROKEN
                values |= {"state": state.value, "listed": 1, "missing_ms": None, "store_due": NOTHING}
                values |= {"render_due": int(state is ClipState.READY), "poster": None, "sprite": None}
                sums = Sums()
                sums.give({**old._mapping, **values})
                sums.write(connection, self._database.insert)
                connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(values))
            if names:
                rows = [label_row(clip_id, old.started_ms, label) for label in labels_in(old).values()]
                connection.execute(sa.insert(labels), rows)
                count_labels(connection, self._database.insert, names, old.camera, 1)
                self._look_again(connection, old)
        return key

    @staticmethod
    def _look_again(connection: sa.Connection, clip: Any) -> None:
        """Have a clip wait for the model that has labelled it: its poster went, which was the best sight."""
        models = [label.sight.model for label in labels_in(clip).values() if label.by_model and label.sight]
        if models:
            row = {"clip_id": clip.id, "digest": clip.digest, "model": models[0], "started_ms": clip.started_ms}
            connection.execute(sa.insert(inspections).values(**row, old=1, due_ms=0, tries=0))

    def gone(
        self, clip_ids: Sequence[int], states: Sequence[ClipState] = (ClipState.RETIRED, ClipState.MISSING)
    ) -> dict[int, str]:
        """The contents (digests) of those clips that are gone from disk."""
        digests: dict[int, str] = {}
        with self._database.engine.connect() as connection:
            for start in range(0, len(clip_ids), BATCH):
                some = clips.c.id.in_(clip_ids[start : start + BATCH]) & clips.c.state.in_(states)
                digests.update(
                    (row.id, row.digest)
                    for row in connection.execute(sa.select(clips.c.id, clips.c.digest).where(some))
                )
        return digests

    def whose(self, clip_ids: Sequence[int]) -> dict[int, tuple[str, bool]]:
        """The cameras of some clips, and whether they have, or had, a label."""
        cameras: dict[int, tuple[str, bool]] = {}
        with self._database.engine.connect() as connection:
            for start in range(0, len(clip_ids), BATCH):
                columns = (clips.c.id, clips.c.camera, self._database.labeled)
                some = sa.select(*columns).where(clips.c.id.in_(clip_ids[start : start + BATCH]))
                cameras.update((row[0], (row[1], bool(row[2]))) for row in connection.execute(some))
        return cameras

    def unswept(self) -> list[Retired]:
        """Retired clips of which something may be left on disk: a crash came between."""
        left = (clips.c.state == ClipState.RETIRED) & ~clips.c.key.startswith("/")
        with self._database.engine.connect() as connection:
            return [_retired(row) for row in connection.execute(FULL.where(left).limit(BATCH))]

    def forget(self, before: datetime) -> int:
        """Drop some rows of clips that were retired before a moment; how many.

        Never the last row of the feed, so that whoever has read to its end stands behind all that is forgotten.
        """
        gone = (clips.c.state == ClipState.RETIRED) & (clips.c.missing_ms < milliseconds(before))
        gone &= clips.c.store.is_(None) & (clips.c.store_due == NOTHING)  # while an object is to go
        last = sa.select(sa.func.max(clips.c.revision)).scalar_subquery()
        select = sa.select(clips.c.id, clips.c.revision).where(gone, clips.c.key.startswith("/"))
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            rows = connection.execute(select.where(clips.c.revision < last).limit(BATCH)).fetchall()
            if rows:
                connection.execute(sa.delete(clips).where(clips.c.id.in_([row.id for row in rows])))
                newest = max(row.revision for row in rows)
                floor = sa.update(counters).where(counters.c.name == "forgotten", counters.c.value < newest)
                connection.execute(floor.values(value=newest))
        return len(rows)


def _retired(row: Any) -> Retired:
    renditions = [] if row.poster is None else poster_files(row.poster)
    if row.sprite is not None:
        renditions.append(msgspec.json.decode(row.sprite, type=Sprite).name)
    if row.proxy is not None:
        renditions.append(row.proxy)
    look = Fingerprint(row.size_bytes, row.mtime_ns)
    return Retired(row.id, row.key, look, row.inode, row.digest, renditions, row.store)
