"""The catalog's questions, one method each. None of them counts, sorts or skips what it does not answer with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from watcher.catalog.rows import (
    CATALOG_ID,
    CLIP,
    COUNTER,
    KNOWN,
    Known,
    Namesake,
    Unrendered,
    signed,
    to_clip,
)
from watcher.catalog.schema import cameras, clips
from watcher.clip import (
    EPOCH,
    LISTED_STATES,
    CameraSummary,
    Clip,
    ClipFilter,
    Page,
    Position,
    milliseconds,
    moment,
)
from watcher.errors import ClipNotFoundError

SCAN_PAGE = 2000  # rows that a scan holds at a time
ALIKE_LIMIT = 1000  # clips of equal content that a moved file is looked for among
IN_LIMIT = 1000  # values that one statement compares with; SQLite allows 32,766 variables


class Questions:
    """What can be asked; the writes are in `writes.py`."""

    engine: sa.Engine

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
        alike = select.where(clips.c.digest.in_([digest for digest, _ in contents])).limit(ALIKE_LIMIT)
        with self.engine.connect() as connection:
            found = [Namesake(*row) for row in connection.execute(alike)]
            if len(found) == ALIKE_LIMIT:  # a crowd of copies: those that matter must be among them
                pairs = [(digest, signed(inode)) for digest, inode in contents]
                same_file = select.where(sa.tuple_(clips.c.digest, clips.c.inode).in_(pairs))
                missing = alike.where(clips.c.state == "missing")
                found += [Namesake(*row) for query in (same_file, missing) for row in connection.execute(query)]
        return list({one.id: one for one in found}.values())

    def unrendered(self, limit: int, *, exclude: Sequence[int] = ()) -> list[Unrendered]:
        """Clips that wait for a picture or a probe, newest first."""
        select = (
            sa.select(clips.c.id, clips.c.key, clips.c.digest, clips.c.state, clips.c.media, clips.c.picture)
            .where(sa.text("render_due = 1"))  # as text: a bound value would not match the partial index
            .where(clips.c.id.not_in(exclude))
            .order_by(clips.c.started_ms.desc())
            .limit(limit)
        )
        with self.engine.connect() as connection:
            return [Unrendered(*row) for row in connection.execute(select)]

    def pictured(self, keys: Sequence[str]) -> set[str]:
        """Which of some pictures are known as those of clips."""
        select = sa.select(clips.c.picture).where(clips.c.picture.in_(keys))
        with self.engine.connect() as connection:
            return set(connection.execute(select).scalars())

    def clip_of_picture(self, stem: str, camera: str, at: datetime, *, before: timedelta) -> int | None:
        """The clip that a picture shows: of the same name, else the one that its camera was recording.

        `before` is for how long ahead of a clip's start its picture may have been taken.
        """
        present = clips.c.state.in_(["new", "ready"])
        twin = sa.select(clips.c.id, clips.c.key).where(clips.c.key > f"{stem}.", clips.c.key < f"{stem}/", present)
        moment = milliseconds(at)
        recording = (
            sa.select(clips.c.id, clips.c.ended_ms)
            .where(clips.c.camera == camera, clips.c.listed == 1)
            .where(clips.c.started_ms <= moment + milliseconds(EPOCH + before))
            .order_by(clips.c.started_ms.desc(), clips.c.id.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            for row in connection.execute(twin.limit(10)):
                if "." not in row.key[len(stem) + 1 :]:
                    return int(row.id)
            found = connection.execute(recording).first()
        return int(found.id) if found is not None and found.ended_ms >= moment else None

    # — inside —

    def _one(self, condition: sa.ColumnElement[bool], absence: str) -> Clip:
        with self.engine.connect() as connection:
            row = connection.execute(CLIP.where(condition)).first()
        if row is None:
            raise ClipNotFoundError(absence)
        return to_clip(row)

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
