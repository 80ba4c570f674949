"""The catalog's questions and its few writes, one method each.

Every write is one short transaction that first takes the next revisions: that row's lock makes writers queue on
both engines, so revisions are committed in the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from watcher.catalog.rows import (
    CATALOG_ID,
    CLIP,
    COUNTER,
    FULL,
    KNOWN,
    LENGTH_LIMIT_MS,
    SET_POSTER,
    UPDATE,
    Known,
    Namesake,
    Probed,
    Sums,
    Unrendered,
    same,
    shows,
    signed,
    to_clip,
    to_values,
)
from watcher.catalog.schema import WRITE, cameras, clips, counters, facts
from watcher.clip import (
    LISTED_STATES,
    CameraSummary,
    Clip,
    ClipFilter,
    ClipState,
    Page,
    Playable,
    Position,
    milliseconds,
    moment,
)
from watcher.errors import ClipNotFoundError

SCAN_PAGE = 2000  # rows that a scan holds at a time
IN_LIMIT = 1000  # values that one statement compares with; SQLite allows 32,766 variables
_PRESENT = ("new", "ready", "broken")  # states of clips whose file should be there


class Catalog:
    """The clips that are known, behind one engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        # Importing the other engine's dialect would cost each process 2 MB.
        self._insert: Callable[[sa.Table], Any] = import_module(f"sqlalchemy.dialects.{engine.dialect.name}").insert

    # — questions —

    def clip(self, clip_id: int) -> Clip:
        """One clip. Raises ClipNotFoundError."""
        return self._one(clips.c.id == clip_id, f"there is no clip {clip_id}")

    def by_key(self, key: str) -> Clip | None:
        """One clip by its key, or None."""
        with self.engine.connect() as connection:
            row = connection.execute(CLIP.where(clips.c.key == key)).first()
        return to_clip(row) if row else None

    def find(
        self,
        wanted: ClipFilter,
        *,
        limit: int,
        newest_first: bool = True,
        after: Position | None = None,
        before: Position | None = None,
    ) -> Page:
        """A page of clips by start time: the first, or the one just after or just before a position.

        Reads at most `limit` + 2 rows per camera and state asked for, wherever in the catalog the page lies.
        """
        backwards = before is not None
        position = before if backwards else after
        descending = newest_first != backwards
        with self.engine.connect() as connection:
            select = self._ordered(connection, wanted, descending, position, limit + 1)
            rows = list(connection.execute(select))
            behind = False
            if position is not None:  # what lies on the side that we came from
                other = self._ordered(connection, wanted, not descending, position, 1, inclusive=True)
                behind = connection.execute(other).first() is not None
        more = len(rows) > limit
        found = [to_clip(row) for row in rows[:limit]]
        if backwards:
            return Page(found[::-1], more_after=behind, more_before=more)
        return Page(found, more_after=more, more_before=behind)

    def camera_summaries(self) -> list[CameraSummary]:
        """Every camera that has listed clips, in the order of their names."""

        def edge(column: sa.Column[int], *, last: bool) -> sa.ScalarSelect[int]:
            order = clips.c.started_ms.desc() if last else clips.c.started_ms
            of_camera = (clips.c.camera == cameras.c.camera) & (clips.c.listed == 1)
            return sa.select(column).where(of_camera).order_by(order).limit(1).scalar_subquery()

        select = (
            sa.select(
                cameras,
                edge(clips.c.started_ms, last=False),
                edge(clips.c.started_ms, last=True),
                edge(clips.c.ended_ms, last=True),
            )
            .where(cameras.c.clips > 0)
            .order_by(cameras.c.camera)
        )
        with self.engine.connect() as connection:
            return [
                CameraSummary(
                    camera=camera,
                    clips=count,
                    size_bytes=size,
                    duration_seconds=duration / 1000,
                    first_started_at=None if first is None else moment(first),
                    last_started_at=None if last is None else moment(last),
                    silent_since=None if ended is None else moment(ended),
                )
                for camera, count, size, duration, first, last, ended in connection.execute(select)
            ]

    def listed_count(self) -> int:
        """How many clips lists show; from the kept sums."""
        with self.engine.connect() as connection:
            return int(
                connection.execute(sa.select(sa.func.coalesce(sa.func.sum(cameras.c.clips), 0))).scalar_one()
            )

    def state_counts(self) -> dict[str, int]:
        """How many clips are in each state; reads an index over all of them, so not for requests."""
        select = sa.select(clips.c.state, sa.func.count()).group_by(clips.c.state)
        with self.engine.connect() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(select)}

    def missing_since(self, since: datetime) -> int:
        """How many clips went missing after a moment."""
        gone = (clips.c.state == "missing") & (clips.c.missing_ms > milliseconds(since))
        with self.engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(gone)).scalar_one())

    def catalog_id(self) -> str | None:
        """The id that ties the catalog to its video root; None before the first ingester has run."""
        with self.engine.connect() as connection:
            return connection.execute(CATALOG_ID).scalar()

    # — questions of the ingester —

    def known(self, prefix: str = "") -> Iterator[Known]:
        """Every clip below a folder (its key with slash; "" for all), in the byte order of keys.

        Read page by page, so that neither memory nor a transaction grows with the catalog.
        """
        after = prefix
        while True:
            select = KNOWN.where(clips.c.key > after).order_by(clips.c.key).limit(SCAN_PAGE)
            if prefix:  # "0" is the byte after "/"
                select = select.where(clips.c.key < prefix[:-1] + "0")
            with self.engine.connect() as connection:
                rows = connection.execute(select).fetchall()
            yield from rows  # type: ignore[misc]  # rows are tuples of Known's fields; making Known of each costs
            if len(rows) < SCAN_PAGE:
                return
            after = rows[-1][0]

    def known_keys(self, keys: Sequence[str]) -> dict[str, Known]:
        """What is known under some keys."""
        found: dict[str, Known] = {}
        with self.engine.connect() as connection:
            for start in range(0, len(keys), IN_LIMIT):
                some = KNOWN.where(clips.c.key.in_(keys[start : start + IN_LIMIT]))
                found.update((row[0], Known(*row)) for row in connection.execute(some))
        return found

    def namesakes(self, contents: Sequence[tuple[str, int]]) -> list[Namesake]:
        """Clips with the same content (digest) as some files: of the same inode, missing ones, some others."""
        select = sa.select(clips.c.id, clips.c.key, clips.c.digest, clips.c.inode, clips.c.state)
        same_file = select.where(
            sa.tuple_(clips.c.digest, clips.c.inode).in_([(d, signed(i)) for d, i in contents])
        )
        alike = select.where(clips.c.digest.in_([d for d, _ in contents])).limit(1000)
        missing = alike.where(clips.c.state == "missing")
        queries = (same_file, missing, alike)
        with self.engine.connect() as connection:
            found = {row[0]: Namesake(*row) for query in queries for row in connection.execute(query)}
        return list(found.values())

    def unrendered(self, limit: int, *, exclude: Sequence[int] = ()) -> list[Unrendered]:
        """Clips that wait for a picture or a probe, newest first."""
        select = (
            sa.select(clips.c.id, clips.c.key, clips.c.digest, clips.c.state, clips.c.media)
            .where(sa.text("render_due = 1"))  # as text: a bound value would not match the partial index
            .where(clips.c.id.not_in(exclude))
            .order_by(clips.c.started_ms.desc())
            .limit(limit)
        )
        with self.engine.connect() as connection:
            return [Unrendered(*row) for row in connection.execute(select)]

    # — writes —

    def claim_id(self, new: str) -> str:
        """The catalog's id; `new` becomes it if there is none yet."""
        with self.write() as connection:
            fresh = self._insert(facts).values(name="catalog_id", value=new).on_conflict_do_nothing()
            connection.execute(fresh)
            return str(connection.execute(CATALOG_ID).scalar_one())

    def put(self, batch: Sequence[Probed], *, now: datetime) -> int:
        """Catalog some files; the same ones again change nothing. Returns how many rows changed.

        A known key keeps its id and takes the new content. An unknown one whose content moved takes over the
        clip it was, if that one still has the key it had when the batch was made (`moved_from`).
        """
        with self.write() as connection:
            revision = self._revisions(connection, len(batch))
            keys = [probed.key for probed in batch]
            ids = [probed.moved_from for probed in batch if probed.moved_from is not None]
            # The second condition costs a full scan if it stands beside the first one: two queries.
            before = {row.key: row for row in connection.execute(FULL.where(clips.c.key.in_(keys)))}
            movers = {row.id: row for row in connection.execute(FULL.where(clips.c.id.in_(ids)))} if ids else {}
            sums = Sums()
            fresh: list[dict[str, Any]] = []
            longest = changed = 0
            for probed in batch:
                revision += 1
                values = to_values(probed, revision)
                longest = max(longest, values["ended_ms"] - values["started_ms"])
                old = before.get(probed.key)
                if old is None and probed.moved_from is not None:
                    old = movers.pop(probed.moved_from, None)
                if old is None:
                    fresh.append(values | {"ingested_ms": milliseconds(now)})
                elif old.key == probed.key and old.state == probed.state and same(old, values):
                    continue
                else:
                    if old.digest == probed.digest and old.state != "broken" and probed.state == ClipState.NEW:
                        # Known content that a decoder once looked at: moving or touching it does not ask again.
                        for name in ("media", "playable", "playable_reason", "duration_ms", "ended_ms"):
                            values[name] = getattr(old, name)
                        if old.media is not None:
                            values["state"], values["listed"] = "ready", 1
                    values["poster"] = old.poster  # an older content's is not shown; it is removed when replaced
                    if old.digest == probed.digest:
                        values["poster_error"] = old.poster_error
                        values["render_due"] &= not shows(old.poster, old.digest) and old.poster_error is None
                    connection.execute(UPDATE, values | {"row": old.id})
                    sums.take(old)
                changed += 1
                sums.give(values)
            if fresh:
                connection.execute(clips.insert(), fresh)
            sums.write(connection, self._insert)
            if longest:
                stretch = sa.update(counters).where(counters.c.name == "longest_ms", counters.c.value < longest)
                connection.execute(stretch.values(value=longest))
        return changed

    def mark_missing(self, keys: Sequence[str], *, now: datetime) -> int:
        """Note that the files of some clips are gone; all that is known of them stays. Returns how many were."""
        with self.write() as connection:
            revision = self._revisions(connection, len(keys))
            gone = list(connection.execute(FULL.where(clips.c.key.in_(keys), clips.c.state.in_(_PRESENT))))
            sums = Sums()
            for row in gone:
                revision += 1
                sums.take(row)
                values = {
                    "state": "missing",
                    "listed": 0,
                    "render_due": 0,
                    "missing_ms": milliseconds(now),
                    "revision": revision,
                }
                connection.execute(sa.update(clips).where(clips.c.id == row.id).values(values))
            sums.write(connection, self._insert)
        return len(gone)

    def set_posters(self, done: Sequence[tuple[int, str, str]]) -> list[str]:
        """Note posters of some clips: id, digest, name. Returns the names of pictures that nobody needs any more.

        Those are the ones of older contents, and the new ones of clips whose content changed meanwhile.
        """
        unneeded = []
        with self.write() as connection:
            revision = self._revisions(connection, len(done))
            columns = sa.select(clips.c.id, clips.c.digest, clips.c.poster)
            known = {row.id: row for row in connection.execute(columns.where(clips.c.id.in_([d[0] for d in done])))}
            values = []
            for clip_id, digest, poster in done:
                revision += 1
                old = known.get(clip_id)
                if old is None or old.digest != digest:
                    unneeded.append(poster)
                    continue
                if old.poster not in {None, poster}:
                    unneeded.append(old.poster)
                values.append({"row": clip_id, "poster": poster, "revision": revision})
            if values:
                connection.execute(SET_POSTER, values)
        return unneeded

    def set_no_poster(self, clip_id: int, digest: str, error: str) -> bool:
        """Note why a clip has no poster; False if its content changed meanwhile."""
        return self._amend(clip_id, digest, {"poster_error": error, "render_due": 0})

    def set_probe(
        self,
        clip_id: int,
        digest: str,
        *,
        media: str,
        duration_seconds: float | None,
        playable: Playable,
        playable_reason: str | None,
    ) -> bool:
        """Note what a decoder found in a `new` clip, which becomes ready; False if its content changed."""
        duration = None if duration_seconds is None else round(duration_seconds * 1000)
        values = {
            "state": "ready",
            "listed": 1,
            "media": media,
            "duration_ms": duration,
            "playable": playable,
            "playable_reason": playable_reason,
        }
        return self._amend(clip_id, digest, values)

    def set_broken(self, clip_id: int, digest: str, error: str) -> bool:
        """Note why a clip cannot be used; False if its content changed meanwhile."""
        values = {"state": "broken", "listed": 1, "error": error, "playable": "no", "render_due": 0}
        return self._amend(clip_id, digest, values)

    def optimize(self) -> None:
        """Keep the planner's statistics fresh: without them SQLite has been seen to sort whole tables."""
        with self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA optimize=0x10002")

    def write(self) -> Any:
        """A writing transaction: committed at the end of the block, rolled back by an exception."""
        return self.engine.execution_options(**{WRITE: True}).begin()

    # — inside —

    def _one(self, condition: sa.ColumnElement[bool], absence: str) -> Clip:
        with self.engine.connect() as connection:
            row = connection.execute(CLIP.where(condition)).first()
        if row is None:
            raise ClipNotFoundError(absence)
        return to_clip(row)

    def _revisions(self, connection: sa.Connection, count: int) -> int:
        """Reserve `count` revisions and return the one before the first."""
        counter = sa.update(counters).where(counters.c.name == "revision")
        last = connection.execute(counter.values(value=counters.c.value + count).returning(counters.c.value))
        return int(last.scalar_one()) - count

    def _amend(self, clip_id: int, digest: str, values: dict[str, Any]) -> bool:
        with self.write() as connection:
            revision = self._revisions(connection, 1) + 1
            old = connection.execute(FULL.where(clips.c.id == clip_id, clips.c.digest == digest)).first()
            if old is None:
                return False
            if old.state not in _PRESENT:  # gone meanwhile: what was learnt stays, but it is not listed
                values = {name: value for name, value in values.items() if name not in {"state", "listed"}}
            if values.get("duration_ms"):
                values["ended_ms"] = old.started_ms + min(values["duration_ms"], LENGTH_LIMIT_MS)
            connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(**values, revision=revision))
            sums = Sums()
            sums.take(old)
            sums.give({**old._mapping, **values})
            sums.write(connection, self._insert)
            return True

    def _ordered(
        self,
        connection: sa.Connection,
        wanted: ClipFilter,
        descending: bool,
        position: Position | None,
        limit: int,
        *,
        inclusive: bool = False,
    ) -> sa.Select[Any] | sa.CompoundSelect[Any]:
        """The first `limit` clips in time order beyond a position, each part read along an index.

        Several cameras or states are one ordered part each, merged by the database: reading any of them through
        one index would walk past everybody else's clips.
        """
        default_states = frozenset(wanted.states) == frozenset(LISTED_STATES)
        states: Sequence[str | None] = [None] if default_states else list(dict.fromkeys(wanted.states))
        conditions = self._conditions(connection, wanted, descending, position, inclusive)
        order = [clips.c.started_ms, clips.c.id]
        if descending:
            order = [column.desc() for column in order]  # type: ignore[misc]
        parts = []
        for camera in dict.fromkeys(wanted.cameras) or [None]:
            for state in states:
                part = CLIP.where(clips.c.listed == 1 if state is None else clips.c.state == state, *conditions)
                if camera is not None:
                    part = part.where(clips.c.camera == camera)
                parts.append(part.order_by(*order).limit(limit))
        if len(parts) == 1:
            return parts[0]
        merged = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery()
        columns = [merged.c.started_ms, merged.c.id]
        return sa.select(merged).order_by(*(c.desc() if descending else c for c in columns)).limit(limit)

    def _conditions(
        self,
        connection: sa.Connection,
        wanted: ClipFilter,
        descending: bool,
        position: Position | None,
        inclusive: bool,
    ) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if position is not None:
            here = sa.tuple_(clips.c.started_ms, clips.c.id)
            there = sa.tuple_(sa.literal(position.started_ms), sa.literal(position.id))
            if inclusive:
                conditions.append(here <= there if descending else here >= there)
            else:
                conditions.append(here < there if descending else here > there)
        if wanted.to_at is not None:
            conditions.append(clips.c.started_ms < milliseconds(wanted.to_at))
        if wanted.from_at is not None:
            start = milliseconds(wanted.from_at)
            # Overlap asks for the end, which no index orders; but none that starts earlier than this can reach it.
            longest = connection.execute(COUNTER, {"counter": "longest_ms"}).scalar_one()
            conditions.append(clips.c.started_ms >= start - longest)
            conditions.append(sa.or_(clips.c.ended_ms > start, clips.c.started_ms >= start))
        return conditions
