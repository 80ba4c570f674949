"""The questions that people and programs ask, one method each; none counts or sorts what it does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from watcher.catalog.cameras import SETTINGS, to_settings
from watcher.catalog.database import Database
from watcher.catalog.listing import Statement, listing
from watcher.catalog.reader import Ask
from watcher.catalog.rows import CLIP, COUNTER, to_clip
from watcher.catalog.schema import camera_settings, cameras, clips, silences
from watcher.catalog.seen import candidates, mark_of
from watcher.model.clip import CameraSummary, Clip, ClipFilter, ClipState, Page, Position, milliseconds, moment
from watcher.model.errors import CameraNotFoundError, ClipNotFoundError

DAY_MS = 24 * 3600 * 1000
PAGE = 500  # clips in memory, where all are wanted

BY_ID = CLIP.where(clips.c.id == sa.bindparam("value"))
BY_KEY = CLIP.where(clips.c.key == sa.bindparam("value"), clips.c.state != ClipState.RETIRED.value)


class Clips:
    """What doors ask; what the ingester asks is in `files.py`, the writes are in `writes.py`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, clip_id: int) -> Clip:
        """One clip. Raises ClipNotFoundError."""
        with self._database.reading() as ask:
            rows = ask(BY_ID, {"value": clip_id})
        if not rows:
            raise ClipNotFoundError(f"there is no clip {clip_id}")
        return to_clip(rows[0])

    def by_key(self, key: str) -> Clip | None:
        """One clip by its key, or None."""
        with self._database.reading() as ask:
            rows = ask(BY_KEY, {"value": key})
        return to_clip(rows[0]) if rows else None

    def find(
        self,
        clip_filter: ClipFilter,
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
        with self._database.reading() as ask:
            rows = self._listed(ask, clip_filter, descending, position, limit + 1)
            # What lies on the side that we came from.
            behind = position is not None and bool(
                self._listed(ask, clip_filter, not descending, position, 1, inclusive=True)
            )
        more = len(rows) > limit
        page = [to_clip(row) for row in rows[:limit]]
        if backwards:
            return Page(page[::-1], more_after=behind, more_before=more)
        return Page(page, more_after=more, more_before=behind)

    def days(self, clip_filter: ClipFilter, *, since: datetime, offset: timedelta, limit: int) -> dict[int, int]:
        """How many of the newest `limit` clips under a filter start on each day, numbered from 1970.

        By clocks that are `offset` ahead of UTC; of those that start `since` a moment. Empty days are left out.
        """
        places = {"since": milliseconds(since), "offset": offset // timedelta(milliseconds=1)}
        with self._database.reading() as ask:
            statement, values = self._statement(ask, clip_filter, True, None, limit)
            rows = ask(_by_day(statement), values | places)
        return {int(day): int(count) for day, count in rows}

    def pages(self, clip_filter: ClipFilter) -> Iterator[list[Clip]]:
        """All clips under a filter, oldest first, some hundred at a time: nothing is held open in between."""
        after: Position | None = None
        more = True
        while more:
            page = self.find(clip_filter, limit=PAGE, newest_first=False, after=after)
            yield page.clips
            more = page.more_after
            if more:
                after = Position(page.clips[-1].started_ms, page.clips[-1].id)

    def around(self, clip_filter: ClipFilter, position: Position, *, limit: int, newest_first: bool = True) -> Page:
        """A page of clips with a position in its middle: what lies there comes first in the second half."""
        first, second = limit // 2, limit - limit // 2
        with self._database.reading() as ask:
            above = self._listed(ask, clip_filter, not newest_first, position, first + 1)
            below = self._listed(ask, clip_filter, newest_first, position, second + 1, inclusive=True)
        page = [to_clip(row) for row in [*above[:first][::-1], *below[:second]]]
        return Page(page, more_after=len(below) > second, more_before=len(above) > first)

    def neighbours(self, clip: Clip, clip_filter: ClipFilter, *, limit: int) -> tuple[list[Clip], list[Clip]]:
        """The clips just before and just after one in time, among those that are wanted; the nearest ones first."""
        here = Position(clip.started_ms, clip.id)
        with self._database.reading() as ask:
            neighbours = [self._listed(ask, clip_filter, descending, here, limit) for descending in (True, False)]
        before, after = ([to_clip(row) for row in rows] for rows in neighbours)
        return before, after

    def camera_summary(self, camera: str) -> CameraSummary:
        """One camera that has, or had, listed clips. Raises CameraNotFoundError."""
        for summary in self._summaries(cameras.c.camera == camera):
            return summary
        raise CameraNotFoundError(f"no camera {camera!r} has left a clip")

    def camera_summaries(self) -> list[CameraSummary]:
        """Every camera that has listed clips, in the order of their names."""
        return self._summaries(cameras.c.clips > 0)

    def _summaries(self, which: sa.ColumnElement[bool]) -> list[CameraSummary]:
        def edge(column: sa.Column[Any], *, last: bool) -> sa.ScalarSelect[Any]:
            order = [place.desc() if last else place for place in (clips.c.started_ms, clips.c.id)]
            of_camera = (clips.c.camera == cameras.c.camera) & (clips.c.listed == 1)
            return sa.select(column).where(of_camera).order_by(*order).limit(1).scalar_subquery()

        select = (
            sa.select(
                cameras,
                edge(clips.c.started_ms, last=False),
                edge(clips.c.started_ms, last=True),
                edge(clips.c.ended_ms, last=True),
                edge(clips.c.state, last=True),
                silences.c.silent,
                silences.c.limit_ms,
                *SETTINGS,
            )
            .outerjoin(silences, silences.c.camera == cameras.c.camera)
            .outerjoin(camera_settings, camera_settings.c.camera == cameras.c.camera)
            .where(which)
            .order_by(cameras.c.camera)
        )
        with self._database.engine.connect() as connection:
            return [
                CameraSummary(
                    camera=camera,
                    clips=count,
                    size_bytes=size,
                    duration_seconds=duration / 1000,
                    first_started_at=None if first is None else moment(first),
                    last_started_at=None if last is None else moment(last),
                    silent_since=None if ended is None else moment(ended),
                    silent=bool(silent),
                    expected_by=None if ended is None or limit is None else moment(ended + limit),
                    last_broken=state == ClipState.BROKEN,
                    settings=to_settings(*more),
                )
                for (
                    camera,
                    count,
                    size,
                    duration,
                    first,
                    last,
                    ended,
                    state,
                    silent,
                    limit,
                    *more,
                ) in connection.execute(select)
            ]

    def listed_count(self) -> int:
        """How many clips lists show; from the kept sums."""
        with self._database.engine.connect() as connection:
            return int(
                connection.execute(sa.select(sa.func.coalesce(sa.func.sum(cameras.c.clips), 0))).scalar_one()
            )

    def state_counts(self) -> dict[str, int]:
        """How many clips are in each state; reads an index over all of them, so not for requests."""
        select = sa.select(clips.c.state, sa.func.count()).group_by(clips.c.state)
        with self._database.engine.connect() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(select)}

    def missing_since(self, since: datetime) -> int:
        """How many clips went missing after a moment."""
        gone = (clips.c.state == "missing") & (clips.c.missing_ms > milliseconds(since))
        with self._database.engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(gone)).scalar_one())

    def head(self) -> int:
        """The revision of the last change. Raises CatalogError if the database does not answer."""
        return self._database.counter("revision")

    def forgotten(self) -> int:
        """The newest revision of a clip that was retired and then dropped; 0 while there is none."""
        return self._database.counter("forgotten")

    def changed(self, since: int, limit: int, *, cameras: Sequence[str] | None = None) -> list[Clip]:
        """The first clips that changed after a revision, as they are now, in the order of their last change.

        Revisions are committed in the order in which they are given (see `writes.py`): whoever has read up to one
        has missed none before it.
        """
        values = {f"camera{n}": camera for n, camera in enumerate(cameras or ())}
        with self._database.reading() as ask:
            rows = ask(
                _changed(None if cameras is None else len(cameras)), values | {"since": since, "limit": limit}
            )
        return [to_clip(row) for row in rows]

    def last_change(self, since: int, cameras: Sequence[str]) -> int:
        """The newest revision, after another one, of a clip of some cameras; 0 while there is none."""
        values = {f"camera{n}": camera for n, camera in enumerate(cameras)}
        with self._database.reading() as ask:
            rows = ask(_last_change(len(cameras)), values | {"since": since})
        return int(rows[0][0]) if rows else 0

    # — inside —

    def _listed(
        self,
        ask: Ask,
        clip_filter: ClipFilter,
        descending: bool,
        position: Position | None,
        limit: int,
        *,
        inclusive: bool = False,
    ) -> list[Any]:
        """The first `limit` clips in time order beyond a position."""
        return ask(*self._statement(ask, clip_filter, descending, position, limit, inclusive=inclusive))

    def _statement(
        self,
        ask: Ask,
        clip_filter: ClipFilter,
        descending: bool,
        position: Position | None,
        limit: int,
        *,
        inclusive: bool = False,
    ) -> tuple[Statement, dict[str, Any]]:
        longest = 0
        if clip_filter.from_at is not None:
            longest = ask(COUNTER, {"counter": "longest_ms"})[0][0]
        mark, ids = 0, None
        if clip_filter.seen is not None:
            mark = mark_of(ask, clip_filter.person).until_revision
            ids = candidates(ask, clip_filter.person, mark, seen_only=clip_filter.seen)
        return listing(
            clip_filter,
            sqlite=self._database.engine.dialect.name == "sqlite",
            descending=descending,
            limit=limit,
            position=position,
            inclusive=inclusive,
            longest_ms=longest,
            mark=mark,
            ids=ids,
        )


@lru_cache(maxsize=500)
def _by_day(statement: Statement) -> sa.Select[Any]:
    """How many clips of a list start on each day, by its number."""
    started = statement.subquery().c.started_ms
    since, offset = (sa.bindparam(name, type_=sa.BigInteger) for name in ("since", "offset"))
    day = (started + offset) // sa.literal_column(str(DAY_MS))
    return sa.select(day.label("day"), sa.func.count()).where(started >= since).group_by(sa.text("1"))


@lru_cache(maxsize=100)
def _changed(cameras: int | None) -> sa.Select[Any]:
    """The feed's statement for as many cameras."""
    since, limit = (sa.bindparam(name, type_=sa.BigInteger) for name in ("since", "limit"))
    select = CLIP.where(clips.c.revision > since).order_by(clips.c.revision).limit(limit)
    return select if cameras is None else select.where(_of(cameras))


@lru_cache(maxsize=100)
def _last_change(cameras: int) -> sa.Select[Any]:
    """The last change's statement for as many cameras."""
    select = sa.select(clips.c.revision).where(clips.c.revision > sa.bindparam("since", type_=sa.BigInteger))
    return select.where(_of(cameras)).order_by(clips.c.revision.desc()).limit(1)


def _of(cameras: int) -> sa.ColumnElement[bool]:
    return clips.c.camera.in_([sa.bindparam(f"camera{n}", type_=sa.Text) for n in range(cameras)])
