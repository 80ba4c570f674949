"""How many clips there are at which time, from sums that are kept; and which days are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.reader import Ask
from watcher.catalog.schema import cameras, day_offsets, days, quarters
from watcher.catalog.sums import OFFSETS
from watcher.model.buckets import Bucket, Span

WHOLE = OFFSETS.where(day_offsets.c.whole == 1)


class Sum(NamedTuple):
    """The clips that start in a bucket."""

    place: int  # see `buckets.place`
    camera: str
    clips: int
    duration_ms: int


class Timeline:
    """Sums by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sums(self, spans: Iterable[Span], bucket: Bucket, cameras: Sequence[str]) -> list[Sum]:
        """Listed clips and their milliseconds by bucket and camera, in this order, in spans of constant offset.

        Reads the kept sums, however many clips they stand for: those of whole days where these are asked for and
        kept, and those of quarters at their edges.
        """
        rows: list[Any] = []
        with self._database.reading() as ask:
            whole = {row[0] for row in ask(WHOLE, {})} if bucket is Bucket.DAY else set()
            for span in spans:
                if span.offset in whole:
                    rows += _by_day(ask, span, cameras)
                else:
                    rows += _by_quarter(ask, span, bucket, cameras)
        return _merged(rows)

    def keep_days(self, offsets: Collection[int], go_on: Callable[[], bool]) -> None:
        """Keep the sums of days for these offsets, and for no others.

        From the first transaction on every write keeps them too; what was there before is added up camera by
        camera, so that nobody waits long, and is done again where `go_on` ends it, or a crash.
        """
        with self._database.engine.connect() as connection:
            whole: dict[int, int] = {row[0]: row[1] for row in connection.execute(sa.select(day_offsets))}
        if whole == dict.fromkeys(offsets, 1):
            return
        with self._database.write() as connection:
            self._database.revisions(connection, 0)  # nobody else writes meanwhile
            for table in (day_offsets, days):
                connection.execute(sa.delete(table).where(table.c.offset_quarters.not_in(offsets)))
            if fresh := [{"offset_quarters": offset, "whole": 0} for offset in offsets if offset not in whole]:
                connection.execute(sa.insert(day_offsets), fresh)
            # Only now, while nobody writes: whose first clip comes later has kept sums from it on, and who came a
            # moment ago must not be left out.
            there = list(connection.execute(sa.select(cameras.c.camera)).scalars())
        for offset in [offset for offset in offsets if not whole.get(offset)]:
            for camera in there:
                if not go_on():
                    return
                with self._database.write() as connection:
                    self._database.revisions(connection, 0)
                    _add_up(connection, offset, camera)
            with self._database.write() as connection:
                of_offset = day_offsets.c.offset_quarters == offset
                connection.execute(sa.update(day_offsets).where(of_offset).values(whole=1))


def _add_up(connection: sa.Connection, offset: int, camera: str) -> None:
    connection.execute(sa.delete(days).where(days.c.offset_quarters == offset, days.c.camera == camera))
    day = (quarters.c.quarter + sa.literal(offset, sa.BigInteger)) // sa.literal_column(str(Bucket.DAY.value))
    select = (
        sa.select(
            sa.literal(offset, sa.BigInteger),
            day.label("day"),
            quarters.c.camera,
            sa.func.sum(quarters.c.clips),
            sa.func.sum(quarters.c.duration_ms),
        )
        .where(quarters.c.camera == camera)
        .group_by(sa.text("2"), quarters.c.camera)
    )
    connection.execute(sa.insert(days).from_select([column.name for column in days.c], select))


def _merged(rows: list[Any]) -> list[Sum]:
    """Rows in order, those of one bucket and camera added up: a day may have two offsets, and edges of its own."""
    sums: list[Sum] = []
    before: Any = (None, None)
    for row in sorted(rows):
        if row[0] == before[0] and row[1] == before[1]:
            row = (row[0], row[1], row[2] + before[2], row[3] + before[3])  # noqa: PLW2901 - in its place
            sums.pop()
        sums.append(Sum(*row))
        before = row
    return sums


def _by_day(ask: Ask, span: Span, cameras: Sequence[str]) -> list[Any]:
    first, end = -(-(span.first + span.offset) // Bucket.DAY), (span.end + span.offset) // Bucket.DAY
    if first >= end:
        return _by_quarter(ask, span, Bucket.DAY, cameras)
    rows = ask(_days(len(cameras)), {"offset": span.offset, "first": first, "end": end} | _named(cameras))
    for edge in (
        span._replace(end=first * Bucket.DAY - span.offset),
        span._replace(first=end * Bucket.DAY - span.offset),
    ):
        if edge.first < edge.end:
            rows += _by_quarter(ask, edge, Bucket.DAY, cameras)
    return rows


def _by_quarter(ask: Ask, span: Span, bucket: Bucket, cameras: Sequence[str]) -> list[Any]:
    values = {"offset": span.offset, "first": span.first, "end": span.end} | _named(cameras)
    rows = ask(_quarters(bucket, len(cameras)), values)
    return [(int(at), camera, int(clips), int(duration)) for at, camera, clips, duration in rows]


def _named(cameras: Sequence[str]) -> dict[str, str]:
    return {f"camera{number}": camera for number, camera in enumerate(cameras)}


def _of(table: sa.Table, count: int) -> sa.ColumnElement[bool]:
    """One of so many cameras; any, if none are named."""
    return (
        table.c.camera.in_([sa.bindparam(f"camera{n}", type_=sa.Text) for n in range(count)])
        if count
        else sa.true()
    )


_OFFSET, _FIRST, _END = (sa.bindparam(name, type_=sa.BigInteger) for name in ("offset", "first", "end"))


@lru_cache(maxsize=100)
def _days(count: int) -> sa.Select[Any]:
    return sa.select(days.c.day, days.c.camera, days.c.clips, days.c.duration_ms).where(
        days.c.offset_quarters == _OFFSET,
        days.c.day >= _FIRST,
        days.c.day < _END,
        days.c.clips > 0,
        _of(days, count),
    )


@lru_cache(maxsize=100)
def _quarters(bucket: Bucket, count: int) -> sa.Select[Any]:
    length: sa.ColumnElement[int] = sa.literal_column(str(bucket.value))
    number = (quarters.c.quarter + _OFFSET) // length  # as `buckets.place`
    place = (number if bucket is Bucket.DAY else number * length - _OFFSET).label("place")
    return (
        sa.select(place, quarters.c.camera, sa.func.sum(quarters.c.clips), sa.func.sum(quarters.c.duration_ms))
        .where(quarters.c.quarter >= _FIRST, quarters.c.quarter < _END, quarters.c.clips > 0, _of(quarters, count))
        .group_by(sa.text("1"), quarters.c.camera)
    )
