"""Clips that lie in a store: which may go there, what is noted of each step, and what is left to be done.

    local ─▶ LEAVING: the store has it, its file is to go ─▶ in the store alone
    in the store ─▶ WANTED back ─▶ RETURNED: local again, its object is to go ─▶ local
    in the store ─▶ GIVEN_UP: retired, can be had back ─▶ DROPPED: its object is to go

What a step notes holds only where the row is still what the step was about: one of two ingesters wins.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rendition_names import PICTURE, SPRITE
from watcher.catalog.rows import label_names, rendered, signed
from watcher.catalog.schema import cameras, clips, facts
from watcher.model.clip import ClipState, Fingerprint, Label, milliseconds
from watcher.model.errors import ClipNotFoundError
from watcher.model.search_words import words_of

NOTHING, LEAVING, WANTED, RETURNED, GIVEN_UP, DROPPED = range(6)  # what is left to be done
PAGE = 500  # rows asked for at a time
COLD = sa.text("store > ''")  # a range of the partial index; as text, since bound values would not match it
DUE = sa.text("store_due <> 0")
PRESENT = (ClipState.NEW, ClipState.READY, ClipState.BROKEN)
LISTED = (ClipState.READY, ClipState.BROKEN)


class Lying(NamedTuple):
    """Where a clip lies, and how its file was."""

    id: int
    key: str
    camera: str
    state: str
    size_bytes: int
    mtime_ns: int
    inode: int  # signed, as it is kept
    digest: str
    counts_ms: int  # by what its age is told
    missing_ms: int | None
    store: str | None  # None: the video root
    store_key: str | None
    etag: str | None
    sha256: str | None  # in hex
    due: int
    labels: str | None

    @property
    def fingerprint(self) -> Fingerprint:
        """How its file looked when it was read."""
        return Fingerprint(self.size_bytes, self.mtime_ns)

    @property
    def label_names(self) -> set[str]:
        """What it is labelled."""
        return {label.name for label in msgspec.json.decode(self.labels or "[]", type=list[Label])}

    @property
    def left_in(self) -> tuple[str, str]:
        """Of one that has RETURNED: the store that still has its object, and the key there."""
        store, _, key = (self.store_key or "").partition(":")
        return store, key


_NAMES = {"etag": "store_etag", "sha256": "store_sha256", "due": "store_due"}
SELECT = sa.select(*(clips.c[_NAMES.get(name, name)] for name in Lying._fields))


class StoredClips:
    """The clips that lie in stores."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # — questions —

    def get(self, clip_id: int) -> Lying | None:
        """One clip."""
        return self._first(clips.c.id == clip_id)

    def find(self, key: str) -> Lying | None:
        """The clip of a key, if it is in a store and has not been given up."""
        return self._first(clips.c.key == key, clips.c.store.is_not(None), clips.c.state.in_(PRESENT))

    def uses(self, store: str, store_key: str) -> bool:
        """Whether any clip, also one that was given up, has an object."""
        there = (clips.c.store == store) & (clips.c.store_key == store_key)
        left = (clips.c.store_due == RETURNED) & (clips.c.store_key == f"{store}:{store_key}")
        return self._first(COLD, there) is not None or self._first(DUE, left) is not None

    def left(self, due: int) -> list[Lying]:
        """Some clips of which this is left to be done."""
        first = clips.c.missing_ms if due == GIVEN_UP else clips.c.id
        return self._all(SELECT.where(DUE, clips.c.store_due == due).order_by(first).limit(PAGE))

    def candidates(
        self, *, camera: str | None, with_kept: bool, made: Sequence[int], returned_before: datetime
    ) -> Iterator[Lying]:
        """Local clips, oldest first by what counts; `with_kept`: kept ones too; `made`: of which no more is due."""
        conditions = [clips.c.listed == 1, clips.c.store.is_(None), clips.c.store_due == NOTHING]
        conditions += [clips.c.render_due.in_(made), clips.c.mtime_ns != 0, clips.c.size_bytes > 0]
        conditions.append(sa.func.coalesce(clips.c.store_ms, 0) < milliseconds(returned_before))
        if camera is not None:
            conditions.append(clips.c.camera == camera)
        if not with_kept:
            conditions.append(clips.c.held == 0)
        streams = [self._oldest([*conditions, clips.c.spared == spared]) for spared in (0, 1)]
        return heapq.merge(*streams, key=lambda clip: (clip.counts_ms, clip.id))

    def _oldest(self, conditions: list[Any]) -> Iterator[Lying]:
        select = SELECT.where(*conditions).order_by(clips.c.counts_ms, clips.c.id).limit(PAGE)
        after: tuple[int, int] | None = None
        while True:
            page = select
            if after is not None:
                page = select.where(sa.tuple_(clips.c.counts_ms, clips.c.id) > sa.tuple_(*map(sa.literal, after)))
            rows = self._all(page)
            yield from rows
            if len(rows) < PAGE:
                return
            after = (rows[-1].counts_ms, rows[-1].id)

    def awaits_pictures(self, made: Sequence[int]) -> bool:
        """Whether there are clips of which more is due than `made` allows."""
        newest = sa.select(clips.c.id).order_by(clips.c.started_ms.desc()).limit(1)
        with self._database.engine.connect() as connection:
            # As text: a bound value would not match the partial indexes.
            due = [newest.where(sa.text(f"render_due = {kind}")) for kind in (PICTURE, SPRITE) if kind not in made]
            return any(connection.execute(select).first() is not None for select in due)

    def local_bytes(self) -> dict[str, int]:
        """Of each camera, the bytes of its listed clips in the video root."""
        everywhere = sa.select(cameras.c.camera, cameras.c.size_bytes).where(cameras.c.clips > 0)
        whose: sa.ColumnClause[str] = sa.literal_column("camera || ''")  # no index of cameras, but that of stores
        away = sa.select(whose, sa.func.sum(clips.c.size_bytes)).where(COLD, clips.c.listed == 1)
        with self._database.engine.connect() as connection:
            by_camera = {camera: int(size) for camera, size in connection.execute(everywhere)}
            for camera, size in connection.execute(away.group_by(whose)):
                by_camera[camera] = by_camera.get(camera, 0) - int(size)
        return by_camera

    def listed(self) -> int:
        """How many listed clips lie in stores."""
        with self._database.engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(COLD, clips.c.listed == 1)).scalar_one())

    def sums(self) -> dict[str, tuple[int, int]]:
        """Of each store, how many clips it has, and their bytes."""
        select = sa.select(clips.c.store, sa.func.count(), sa.func.sum(clips.c.size_bytes)).where(COLD)
        with self._database.engine.connect() as connection:
            rows = connection.execute(select.group_by(clips.c.store)).fetchall()
        return {store: (count, int(size)) for store, count, size in rows}

    def known(self, store: str) -> Iterator[Lying]:
        """Every clip of a store, in the byte order of keys there; page by page."""
        after = ""
        while True:
            some = SELECT.where(COLD, clips.c.store == store, clips.c.store_key > after)
            rows = self._all(some.order_by(clips.c.store_key).limit(PAGE))
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1].store_key or ""

    def is_bound(self, store: str) -> bool:
        """Whether a store was this catalog's once: its folder had a marker, and is not given another one."""
        select = sa.select(facts.c.value).where(facts.c.name == f"store {store}")
        with self._database.engine.connect() as connection:
            return connection.execute(select).first() is not None

    # — steps —

    def bind(self, store: str) -> None:
        """Note that a store is this catalog's."""
        with self._database.write() as connection:
            fact = self._database.insert(facts).values(name=f"store {store}", value="1")
            connection.execute(fact.on_conflict_do_nothing())

    def moved(self, clip: Lying, store: str, store_key: str, etag: str, sha256: str, *, now: datetime) -> bool:
        """Note that a store has a clip, and that its file is to go; False where the clip is another one by now."""
        was = (
            clips.c.store.is_(None),
            clips.c.store_due == NOTHING,
            clips.c.state.in_(LISTED),
            clips.c.key == clip.key,
            clips.c.digest == clip.digest,
            clips.c.size_bytes == clip.size_bytes,
            clips.c.mtime_ns == clip.mtime_ns,
            clips.c.inode == clip.inode,
        )
        values = {
            "store": store,
            "store_key": store_key,
            "store_etag": etag,
            "store_sha256": sha256,
            "store_ms": milliseconds(now),
            "store_due": LEAVING,
        }
        return self._change(clip, values, *was)

    def let_answers_go(self) -> None:
        """Have every kept answer made anew, though no clip has changed: whether a store is away is part of them."""
        with self._database.write() as connection:
            self._database.revisions(connection, 1)

    def has_left(self, clip: Lying) -> bool:
        """Note that the file of a clip is gone, or is none of its own: it lies in the store alone."""
        return self._change(clip, {"store_due": NOTHING}, clips.c.store_due == LEAVING, notify=False)

    def stays(self, clip: Lying) -> bool:
        """Note that a clip lies in the video root after all: the store has lost it."""
        values = {**_LOCAL, "store_due": NOTHING}
        return self._change(clip, values, clips.c.store_due.in_([LEAVING, WANTED]))

    def want(self, clip_id: int) -> bool:
        """Want a clip back; False where it is local. Raises ClipNotFoundError."""
        clip = self.get(clip_id)
        if clip is None or clip.state == ClipState.RETIRED:
            raise ClipNotFoundError(f"there is no clip {clip_id}")
        return self._change(clip, {"store_due": WANTED}, clips.c.store.is_not(None), notify=False)

    def give_up_wanting(self, clip: Lying) -> bool:
        """Let a clip that cannot be had back stay where it is."""
        return self._change(clip, {"store_due": NOTHING}, clips.c.store_due == WANTED, notify=False)

    def returned(self, clip: Lying, inode: int, mtime_ns: int, *, now: datetime) -> bool:
        """Note that a clip lies in the video root again, and that its object is to go."""
        values = {
            "store": None,
            "store_key": f"{clip.store}:{clip.store_key}",
            "store_ms": milliseconds(now),
            "store_due": RETURNED,
            "inode": signed(inode),
            "mtime_ns": mtime_ns,
        }
        return self._change(clip, values, clips.c.store_due == WANTED, clips.c.store == clip.store)

    def drop(self, clip_id: int) -> bool:
        """Let the object of a retired clip go for good; False where it has none."""
        clip = self.get(clip_id)
        return clip is not None and self._change(
            clip, {"store_due": DROPPED}, clips.c.store_due == GIVEN_UP, notify=False
        )

    def object_gone(self, clip: Lying) -> bool:
        """Note that nothing of a clip is in a store any more."""
        values = {**_LOCAL, "store_due": NOTHING}
        return self._change(clip, values, clips.c.store_due == clip.due, notify=False)

    def free_key(self, clip: Lying) -> None:
        """Let a clip in a store have another key, since another file has its name."""
        with self._database.write() as connection:
            row = connection.execute(sa.select(clips).where(clips.c.id == clip.id, COLD)).first()
            if row is not None and row.key == clip.key:
                free_key(connection, self._database, row)

    # — inside —

    def _change(
        self, clip: Lying, values: dict[str, Any], *was: sa.ColumnElement[bool], notify: bool = True
    ) -> bool:
        """Change a row that is still so; `notify`: the feed of changes says it, as of renditions."""
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, int(notify)) + 1
            more = rendered(fresh) if notify else {}
            change = sa.update(clips).where(clips.c.id == clip.id, *was).values({**values, **more})
            return bool(connection.execute(change).rowcount == 1)

    def _first(self, *conditions: Any) -> Lying | None:
        clips_ = self._all(SELECT.where(*conditions).limit(1))
        return clips_[0] if clips_ else None

    def _all(self, select: sa.Select[Any]) -> list[Lying]:
        with self._database.engine.connect() as connection:
            return [Lying(*row) for row in connection.execute(select)]


_LOCAL: dict[str, Any] = dict.fromkeys(("store", "store_key", "store_etag", "store_sha256"))


def free_key(connection: sa.Connection, database: Database, row: Any) -> None:
    """Let the clip of a row, in a store, have a key that no file has: its own, with its number before the ending.

    Another file has its name now, and nobody has written over what lies in the store.
    """
    path = PurePosixPath(row.key)
    key = str(path.with_name(f"{path.stem}~{row.id}{path.suffix}"))
    fresh = database.revisions(connection, 1) + 1
    values = {"key": key, "words": words_of(key, row.camera, label_names(row), row.note), "revision": fresh}
    connection.execute(sa.update(clips).where(clips.c.id == row.id).values(values))
