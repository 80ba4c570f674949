"""How many clips there are at which time, from sums that are kept; and which days are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.reader import Ask
from watcher.catalog.schema import cameras, clips, day_offsets, days, label_days, labels, quarters
from watcher.catalog.sums import OFFSETS, QUARTER_MS
from watcher.model.buckets import Bucket, Span

WHOLE = OFFSETS.where(day_offsets.c.whole == 1)


class Sum(NamedTuple):
    """The clips that start in a bucket."""

    place: int  # see `buckets.place`
    camera: str
    clips: int
    duration_ms: int


class LabelDays(NamedTuple):
    """Clips that have a label by day, numbered from 1970, and what lies before and after the whole days."""

    clips: dict[int, int]
    before: Span
    after: Span


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

    def days(self, spans: Iterable[Span], cameras: Sequence[str]) -> Counter[int]:
        """Listed clips by day, numbered from 1970, in spans of constant offset, of these cameras together."""
        counts: Counter[int] = Counter()
        with self._database.reading() as ask:
            whole = {row[0] for row in ask(WHOLE, {})}
            for span in spans:
                first, end = _whole_days(span)
                kept = span.offset in whole and first < end
                if kept:
                    counts.update(_totals(ask, days, span, (first, end), cameras))
                for part in _edges(span, first, end) if kept else (span,):
                    if part.first < part.end:
                        counts.update(_totals(ask, quarters, part, (part.first, part.end), cameras))
        return counts

    def label_days(self, span: Span, label: str, cameras: Sequence[str]) -> LabelDays | None:
        """The same of clips that have a label; None where these sums are not kept.

        They are not for offsets that the site's clocks do not have.
        """
        first, end = _whole_days(span)
        with self._database.reading() as ask:
            if span.offset not in {row[0] for row in ask(WHOLE, {})}:
                return None
            if first >= end:
                return LabelDays({}, before=span, after=span._replace(first=span.end))
            clips = _totals(ask, label_days, span, (first, end), cameras, label=label)
        before, after = _edges(span, first, end)
        return LabelDays(clips, before, after)

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
            for table in (day_offsets, days, label_days):
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
    connection.execute(
        sa.delete(label_days).where(label_days.c.offset_quarters == offset, label_days.c.camera == camera)
    )
    quarter = clips.c.started_ms // sa.literal_column(str(QUARTER_MS))
    by_label = (
        sa.select(
            sa.literal(offset, sa.BigInteger),
            labels.c.name,
            ((quarter + sa.literal(offset, sa.BigInteger)) // sa.literal_column(str(Bucket.DAY.value))).label(
                "day"
            ),
            clips.c.camera,
            sa.func.count(),
        )
        .join(labels, labels.c.clip_id == clips.c.id)
        .where(clips.c.camera == camera, clips.c.listed == 1)
        .group_by(labels.c.name, sa.text("3"), clips.c.camera)
    )
    connection.execute(sa.insert(label_days).from_select([column.name for column in label_days.c], by_label))


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
    first, end = _whole_days(span)
    if first >= end:
        return _by_quarter(ask, span, Bucket.DAY, cameras)
    rows = ask(_days(len(cameras)), {"offset": span.offset, "first": first, "end": end} | _named(cameras))
    for edge in _edges(span, first, end):
        if edge.first < edge.end:
            rows += _by_quarter(ask, edge, Bucket.DAY, cameras)
    return rows


def _whole_days(span: Span) -> tuple[int, int]:
    """The first day that lies wholly in a span, and the one after the last."""
    return -(-(span.first + span.offset) // Bucket.DAY), (span.end + span.offset) // Bucket.DAY


def _edges(span: Span, first: int, end: int) -> tuple[Span, Span]:
    """What a span has before and after its whole days."""
    return (
        span._replace(end=first * Bucket.DAY - span.offset),
        span._replace(first=end * Bucket.DAY - span.offset),
    )


def _by_quarter(ask: Ask, span: Span, bucket: Bucket, cameras: Sequence[str]) -> list[Any]:
    values = {"offset": span.offset, "first": span.first, "end": span.end} | _named(cameras)
    rows = ask(_quarters(bucket, len(cameras)), values)
    return [(int(at), camera, int(clips), int(duration)) for at, camera, clips, duration in rows]


def _totals(
    ask: Ask, table: sa.Table, span: Span, ends: tuple[int, int], cameras: Sequence[str], label: str = ""
) -> dict[int, int]:
    values = {"offset": span.offset, "first": ends[0], "end": ends[1], **_named(cameras)}
    rows = ask(_by_day_alone(table, len(cameras)), values | ({"label": label} if label else {}))
    return {int(day): int(clips) for day, clips in rows}


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
def _by_day_alone(table: sa.Table, count: int) -> sa.Select[Any]:
    """Clips by day from one of the kept sums, between two of its own numbers of days, or of quarters."""
    at: Any = table.c.quarter if table is quarters else table.c.day
    day = (at + _OFFSET) // sa.literal_column(str(Bucket.DAY.value)) if table is quarters else at
    select = sa.select(day.label("number"), sa.func.sum(table.c.clips))
    if table is not quarters:
        select = select.where(table.c.offset_quarters == _OFFSET)
    if table is label_days:
        select = select.where(table.c.name == sa.bindparam("label", type_=sa.Text))
    some = (at >= _FIRST, at < _END, table.c.clips > 0, _of(table, count))
    return select.where(*some).group_by(sa.text("1"))


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
