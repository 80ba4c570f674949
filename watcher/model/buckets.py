"""Days, hours and quarters of an hour in any zone, cut out of sums by quarters of an hour.

A quarter of an hour is numbered from 1970 in UTC; every zone has had offsets of whole quarters since 1972
(IANA time zone database), so that each lies in one day and one hour of any of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from watcher.model.clip import EPOCH

QUARTER = timedelta(minutes=15)
_A_DAY = 96  # quarters
# Between two looks for a change of the clocks: since 1972 no zone had two within five days (Noronha had, within
# a week, in 2000; IANA time zone database).
_STEP = 5 * _A_DAY


class Bucket(enum.IntEnum):
    """How long a bucket is, in quarters of an hour."""

    QUARTER = 1
    HOUR = 4
    DAY = _A_DAY


class Span(NamedTuple):
    """Quarters, first to last but one, in which a zone's clocks kept their offset from UTC."""

    first: int
    end: int
    offset: int  # in quarters, east of UTC


def quarter_of(at: datetime) -> int:
    """The quarter of an hour in which a moment lies."""
    return (at - EPOCH) // QUARTER


@lru_cache(maxsize=500)
def spans(first: int, end: int, zone: tzinfo) -> tuple[Span, ...]:
    """The stretches of constant offset from one quarter to before another; years are asked for again and again."""
    return tuple(_spans(first, end, zone))


def _spans(first: int, end: int, zone: tzinfo) -> Iterator[Span]:
    at = first
    while at < end:
        offset = _offset(at, zone)
        until = at
        while until < end and _offset(until, zone) == offset:
            until = min(until + _STEP, end)
        if _offset(until - 1, zone) != offset:  # it changed within the last step: find where
            low, high = max(at, until - _STEP), until
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
            until = high
        yield Span(at, until, offset)
        at = until


def offsets(first: int, end: int, zone: tzinfo) -> set[int]:
    """The offsets, in quarters, that a zone's clocks have from one quarter to before another."""
    return {span.offset for span in spans(first, end, zone)}


def place(quarter: int, offset: int, bucket: Bucket) -> int:
    """In which bucket a quarter lies: the number of its day by the clock; of shorter ones their first quarter.

    >>> place(97, 2, Bucket.DAY), place(97, 2, Bucket.HOUR)
    (1, 94)
    """
    number = (quarter + offset) // bucket
    return number if bucket is Bucket.DAY else number * bucket - offset


def bounds(place: int, bucket: Bucket, zone: tzinfo) -> tuple[datetime, datetime]:
    """Start and end, in UTC, of a bucket. A day ends where the next one begins, be it after 23 hours or 25."""
    if bucket is Bucket.DAY:
        return _midnight(place, zone), _midnight(place + 1, zone)
    start = EPOCH + place * QUARTER
    return start, start + bucket * QUARTER


def whole(from_at: datetime, to_at: datetime, bucket: Bucket, zone: tzinfo) -> tuple[int, int]:
    """The quarters of the buckets that a time span touches: the first, and the one after the last."""
    first, last = quarter_of(from_at), quarter_of(to_at - timedelta(microseconds=1))
    start, _ = bounds(place(first, _offset(first, zone), bucket), bucket, zone)
    _, end = bounds(place(last, _offset(last, zone), bucket), bucket, zone)
    return quarter_of(start), quarter_of(end)


def _offset(quarter: int, zone: tzinfo) -> int:
    return ((EPOCH + quarter * QUARTER).astimezone(zone).utcoffset() or timedelta()) // QUARTER


def _midnight(number: int, zone: tzinfo) -> datetime:
    """When a day begins; where midnight is skipped, when the clocks go on."""
    return (EPOCH + timedelta(days=number)).replace(tzinfo=zone).astimezone(UTC)
