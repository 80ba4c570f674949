"""A time of day in what somebody types: `16:00`, `4pm`, `16h30`, `16 Uhr`. With a day it is a moment to go to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo

from watcher.model.search_languages import LANGUAGES
from watcher.model.search_times import Span


def _any(words: Iterable[str]) -> str:
    some = [re.escape(word).replace("_", r"\s+") for word in " ".join(words).split()]
    return "|".join(sorted(some, key=len, reverse=True))


_CLOCK = re.compile(
    rf"""(?<![\w:./-])
    (?:(?:{_any(language.at for language in LANGUAGES.values())})\.?\s+)?
    (?:(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:\s?(?P<half>[ap]m))?
    |(?P<whole>\d{{1,2}})\s?(?P<part>[ap]m)
    |(?P<h>\d{{1,2}})h(?P<m>\d\d)?
    |(?P<spoken>\d{{1,2}})\s(?:{_any(language.oclock for language in LANGUAGES.values())}))
    (?![\w:])""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[tT](?=\d)", re.ASCII)


def clock_in(text: str) -> tuple[time | None, str]:
    """The first time of day in a text, and the text without it.

    >>> clock_in("gate 4:05 pm tuesday")
    (datetime.time(16, 5), 'gate   tuesday')
    >>> clock_in("070000.mp4 25:00")
    (None, '070000.mp4 25:00')
    """
    text = _ISO.sub(r"\1 ", text)
    for match in _CLOCK.finditer(text):
        of = match.groupdict()
        hour = int(of["hour"] or of["whole"] or of["h"] or of["spoken"])
        if half := of["half"] or of["part"]:
            if not 1 <= hour <= 12:
                continue
            hour = hour % 12 + (12 if half.lower() == "pm" else 0)
        try:
            clock = time(hour, int(of["minute"] or of["m"] or 0), int(of["second"] or 0))
        except ValueError:
            continue
        return clock, f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


def moment_of(clock: time, span: Span | None, now: datetime, zone: tzinfo) -> datetime | None:
    """When it was that time on a day, or in a part of one; without any the last time. None where there are many."""
    if span is None:
        day = now.astimezone(zone).date()
        return at if (at := _on(day, clock, zone)) <= now else _on(day - timedelta(days=1), clock, zone)
    first, end = span.moments(zone)
    some = (_on(span.first + timedelta(days=n), clock, zone) for n in range(3))
    inside = [at for at in some if first <= at < end]
    if len(inside) == 1:
        return inside[0]
    return _on(span.first, clock, zone) if span.first == span.last else None


def _on(day: date, clock: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, clock, zone)
