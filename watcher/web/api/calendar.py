"""The days that have clips under a filter: what a calendar is tinted by, and the rail beside a list."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta

import msgspec
from flask import Blueprint

from watcher.model.clip import EPOCH
from watcher.model.errors import BadParameterError
from watcher.web.api.timeline import zone_of
from watcher.web.http.parameters import DAYS_MOST
from watcher.web.http.query import FILTERS, single
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.routes import question

bp = Blueprint("calendar", __name__)

COUNTING_SECONDS = 0.2  # after which no further step of counting is begun
_EPOCH_DAY = EPOCH.date()


class CalendarDay(msgspec.Struct):
    """A day that has clips."""

    day: str
    clips: int
    more: bool  # it has more than were counted


class CalendarShape(msgspec.Struct):
    """The days of a month, or of a stretch of time, that have clips."""

    month: str | None
    tz: str
    counted_from: str  # the first day that was counted
    days: list[CalendarDay]


@question(bp, "/calendar", takes=("month", "day", "days", "tz", *FILTERS), answers=CalendarShape)
def index(api_request: ApiRequest) -> Answer:
    """How many clips start on each day of a month, or of so many `days` up to a `day`; empty days are left out.

    For cameras, and for one label, the number is from kept sums. What these do not know is read, newest first, for
    a fifth of a second: `counted_from` is the first day that was counted, and one asks again for what lies before
    it. A day of which 20,000 were counted may have `more`.
    """
    args, state = api_request.args, api_request.state
    zone = zone_of(single(args, "tz", state.zone_name))
    today = state.services.clock.now().astimezone(zone).date()
    month = None if "day" in args or "days" in args else single(args, "month", f"{today:%Y-%m}")
    if month is None and "month" in args:
        raise BadParameterError("month", "ask for a month, or for days up to a day")
    first, last = (
        _month(month) if month is not None else _days(single(args, "day", f"{today}"), single(args, "days", "31"))
    )
    clip_filter = api_request.filter()
    head = api_request.catalog.clips.head()
    tag = api_request.tag(f"calendar {head} {zone} {month} {first} {last} {clip_filter}")

    def body() -> Body:
        until = time.monotonic() + COUNTING_SECONDS
        numbers = [(day - _EPOCH_DAY).days for day in (first, last)]
        counts = api_request.catalog.days.count(
            clip_filter, numbers[0], numbers[1] + 1, zone, lambda: time.monotonic() < until
        )
        days = [
            CalendarDay(_date(day), clips, more=day in counts.more) for day, clips in sorted(counts.clips.items())
        ]
        return Body(CalendarShape(month=month, tz=str(zone), counted_from=_date(counts.first), days=days))

    return Answer(head, tag, body, by_tag=True)


def _date(number: int) -> str:
    return (_EPOCH_DAY + timedelta(days=number)).isoformat()


def _month(text: str) -> tuple[date, date]:
    """The first and the last day of a month. Raises BadParameterError."""
    match = re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII)
    if match is None or not (1970 <= int(match[1]) < 2170 and 1 <= int(match[2]) <= 12):
        raise BadParameterError("month", f"month={text!r} must be a month from 1970 to 2169, such as 2026-11")
    first = date(int(match[1]), int(match[2]), 1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _days(text: str, number: str) -> tuple[date, date]:
    """The first of so many days up to one, and that one. Raises BadParameterError."""
    match = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII)
    try:
        last = date.fromisoformat(text) if match else None
    except ValueError:
        last = None
    if last is None or not 1970 <= last.year < 2170:
        raise BadParameterError("day", f"day={text!r} must be a day from 1970 to 2169, such as 2026-11-30")
    if re.fullmatch(r"\d{1,4}", number, re.ASCII) is None or not 1 <= int(number) <= DAYS_MOST:
        raise BadParameterError("days", f"days={number!r} must be a number from 1 to {DAYS_MOST}")
    return max(_EPOCH_DAY, last - timedelta(days=int(number) - 1)), last
