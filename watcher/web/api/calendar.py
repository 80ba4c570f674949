"""The days of a month that have clips under a filter: what a calendar is tinted by."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec
from flask import Blueprint

from watcher.model import buckets
from watcher.model.buckets import Bucket, quarter_of
from watcher.model.clip import ClipFilter
from watcher.model.errors import BadParameterError
from watcher.web.api.timeline import zone_of
from watcher.web.http.query import FILTERS, single
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.routes import question

bp = Blueprint("calendar", __name__)


class CalendarDay(msgspec.Struct):
    """A day that has clips."""

    day: str
    clips: int
    more: bool  # it has more than were counted


class CalendarShape(msgspec.Struct):
    """The days of a month that have clips."""

    month: str
    tz: str
    days: list[CalendarDay]


COUNTED = 50  # clips of a day, beyond which a filter that no kept sum knows says only that there are more


@question(bp, "/calendar", takes=("month", "tz", *FILTERS), answers=CalendarShape)
def index(api_request: ApiRequest) -> Answer:
    """How many clips start on each day of a month under a filter; days without any are left out.

    For cameras the number is exact, from kept sums. For other filters up to 50 clips of each day are looked at, by
    their indexes, and `more` says that there are others.
    """
    args, state = api_request.args, api_request.state
    zone = zone_of(single(args, "tz", state.zone_name))
    today = state.services.clock.now().astimezone(zone).date()
    first = _month(single(args, "month", f"{today:%Y-%m}"))
    clip_filter = api_request.filter()
    head = api_request.catalog.clips.head()
    tag = api_request.tag(f"calendar {head} {zone} {first} {clip_filter}")
    return Answer(head, tag, lambda: Body(_body(api_request, clip_filter, first, zone)), by_tag=True)


def by_sums(clip_filter: ClipFilter) -> bool:
    """Whether kept sums know how many clips a filter finds: it asks for nothing but cameras and time."""
    return clip_filter == ClipFilter(
        cameras=clip_filter.cameras, from_at=clip_filter.from_at, to_at=clip_filter.to_at
    )


def _body(api_request: ApiRequest, clip_filter: ClipFilter, first: date, zone: tzinfo) -> CalendarShape:
    days = [first + timedelta(days=n) for n in range(31)]
    days = [day for day in days if day.month == first.month]
    edges = [datetime.combine(day, time(), zone).astimezone(UTC) for day in (*days, days[-1] + timedelta(days=1))]
    shapes = []
    if by_sums(clip_filter) and clip_filter.from_at is None and clip_filter.to_at is None:
        counts: dict[date, int] = {}
        spans = buckets.spans(quarter_of(edges[0]), quarter_of(edges[-1]), zone)
        for total in api_request.catalog.timeline.sums(spans, Bucket.DAY, clip_filter.cameras):
            day = buckets.bounds(total.place, Bucket.DAY, zone)[0].astimezone(zone).date()
            counts[day] = counts.get(day, 0) + total.clips
        shapes = [CalendarDay(day.isoformat(), count, more=False) for day, count in sorted(counts.items())]
    else:
        with api_request.catalog.database.reading():
            for day, start, end in zip(days, edges, edges[1:], strict=False):
                count, more = _count(api_request, clip_filter, start, end)
                if count:
                    shapes.append(CalendarDay(day.isoformat(), count, more))
    return CalendarShape(month=f"{first:%Y-%m}", tz=str(zone), days=shapes)


def _count(api_request: ApiRequest, clip_filter: ClipFilter, start: datetime, end: datetime) -> tuple[int, bool]:
    """How many clips of a filter start between two moments, up to a number, and whether there are more."""
    from_at = start if clip_filter.from_at is None else max(start, clip_filter.from_at)
    to_at = end if clip_filter.to_at is None else min(end, clip_filter.to_at)
    if from_at >= to_at:
        return 0, False
    part = msgspec.structs.replace(clip_filter, from_at=from_at, to_at=to_at)
    page = api_request.catalog.clips.find(part, limit=COUNTED)
    return sum(start <= clip.started_at for clip in page.clips), page.more_after


def _month(text: str) -> date:
    """The first day of a month. Raises BadParameterError."""
    match = re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII)
    if match is None or not (1970 <= int(match[1]) < 2170 and 1 <= int(match[2]) <= 12):
        raise BadParameterError("month", f"month={text!r} must be a month from 1970 to 2169, such as 2026-11")
    return date(int(match[1]), int(match[2]), 1)
