"""Which time words mean: days, weeks, months, parts of a day, in the words of one language.

    yesterday evening · last week · 3 days ago · 21 november 2025 · 2026-11-21

What is longest is meant. Words between (`el lunes por la noche`) are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from watcher.model.search_languages import Phrases, Words, words_of

DAY, WEEK, MONTH, YEAR = range(4)
NIGHT = 3
PARTS = (
    (5, 12),
    (12, 18),
    (17, 23),
    (20, 30),
)  # hours of morning, afternoon, evening, night; 30 is six the next day
DAYS_MOST = 3650
PASSED_MOST = 3  # words that are passed over


class Span(NamedTuple):
    """From the beginning of one day to the end of another, or to hours of them."""

    first: date
    last: date
    from_hour: int = 0
    to_hour: int = 24  # of the last day; more than 24 is into the next
    dark: bool = False  # of these only what is of the night by its light

    @property
    def whole(self) -> bool:
        """Whether it is of whole days."""
        return (self.from_hour, self.to_hour) == (0, 24)

    def moments(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """Its ends, by the clocks of a zone."""
        after = self.last + timedelta(days=self.to_hour // 24)
        return (
            datetime.combine(self.first, time(self.from_hour), zone),
            datetime.combine(after, time(self.to_hour % 24), zone),
        )


def starts(words: Sequence[str], at: int, some: Phrases) -> int:
    """How many words there are a phrase; 0 where none of them stands there."""
    return next((len(phrase) for phrase in some if tuple(words[at : at + len(phrase)]) == phrase), 0)


def span_at(words: Sequence[str], at: int, language: str, today: date) -> tuple[Span, int] | None:
    """The time that begins at a word (folded), and of how many words it is; None where none does."""
    reader = _Reader(words, words_of(language), today)
    span = max(reader.spans(at), key=lambda pair: pair[1], default=None)
    return None if span is None else (span[0], span[1] - at)


class _Reader:
    """Reads in one language."""

    def __init__(self, words: Sequence[str], language: Words, today: date) -> None:
        self._words, self._of, self._today = words, language, today

    def spans(self, at: int) -> Iterator[tuple[Span, int]]:
        """All times that begin there, each with where it ends; of a single day its parts too."""
        for span, end in self._whole(at):
            yield span, end
            if span.whole and span.first == span.last and (part := self._which(end, self._of.parts)):
                yield self._part(span.first, part[0]), part[1]
        for number, some in enumerate(self._of.parts[:NIGHT]):  # "night monday" is the light of a day
            if count := starts(self._words, at, some):
                for place in self._places(at + count):
                    for span, end in self._whole(place):
                        if span.whole and span.first == span.last:
                            yield self._part(span.first, number), end

    def _whole(self, at: int) -> Iterator[tuple[Span, int]]:
        for readings in (self._moments, self._days, self._named, self._counted, self._dates, self._in_numbers):
            yield from readings(at)

    def _places(self, at: int) -> Iterator[int]:
        """A place, and those behind it as far as words are passed over."""
        for _ in range(PASSED_MOST + 1):
            yield at
            if not starts(self._words, at, self._of.filler):
                return
            at += 1

    def _after(self, at: int, some: Phrases) -> int:
        """Where one of some phrases ends that stands there, or behind what is passed over; 0: nowhere."""
        return next((place + count for place in self._places(at) if (count := starts(self._words, place, some))), 0)

    def _which(self, at: int, lists: Sequence[Phrases]) -> tuple[int, int] | None:
        """Which of several lists has a phrase there, and where that ends: the longest."""
        ends = [(end, number) for number, some in enumerate(lists) if (end := self._after(at, some))]
        return None if not ends else (max(ends)[1], max(ends)[0])

    def _moments(self, at: int) -> Iterator[tuple[Span, int]]:
        for (ago, part), some in self._of.moments:
            if count := starts(self._words, at, some):
                yield self._part(self._ago(ago), part), at + count

    def _days(self, at: int) -> Iterator[tuple[Span, int]]:
        for ago, some in enumerate(self._of.days):
            if count := starts(self._words, at, some):
                yield Span(self._ago(ago), self._ago(ago)), at + count
        for number, some in enumerate(self._of.weekdays):
            for last, end in self._qualified(at, some):
                ago = (self._today.weekday() - number) % 7
                day = self._ago(ago or (7 if last else 0))
                yield Span(day, day), end

    def _qualified(self, at: int, some: Phrases, *, bare: bool = True) -> Iterator[tuple[bool, int]]:
        """A phrase by itself, behind or before a word for "last" or "this": whether "last", and where it ends."""
        for last, words in ((True, self._of.last), (False, self._of.this)):
            if (count := starts(self._words, at, words)) and (end := self._after(at + count, some)):
                yield last, end
        if count := starts(self._words, at, some):
            if bare:
                yield False, at + count
            for last, words in ((True, self._of.last), (False, self._of.this)):
                end = self._after(at + count, words)
                if end and not any(starts(self._words, end, other) for other in self._of.lasting):
                    yield last, end

    def _named(self, at: int) -> Iterator[tuple[Span, int]]:
        """Last week, this month, last night, a weekend."""
        for unit in (WEEK, MONTH, YEAR):
            for last, end in self._qualified(at, self._of.units[unit], bare=False):
                yield self._unit(unit, int(last)), end
        for part, some in enumerate(self._of.parts):
            for last, end in self._qualified(at, some, bare=False):
                yield self._part(self._ago(int(last)), part), end
        for last, end in self._qualified(at, self._of.weekend):
            ago = (self._today.weekday() - 5) % 7
            saturday = self._ago(ago + (7 if last and ago < 2 else 0))
            yield Span(saturday, min(saturday + timedelta(days=1), self._today)), end

    def _counted(self, at: int) -> Iterator[tuple[Span, int]]:
        """The last 3 days, 3 derniers jours; 2 weeks ago."""
        for before in (self._of.last, self._of.ago, ()):
            begin = at + starts(self._words, at, before)
            if (before and begin == at) or (number := self._number(begin)) is None:
                continue
            count, behind = number
            middle = 0 if before else self._after(behind, self._of.last)
            unit = self._which(middle or behind, self._of.units)
            if unit is None:
                continue
            kind, end = unit
            if before is self._of.last or middle:
                yield self._lasting(kind, count), end
            elif before:
                yield self._unit(kind, count), end
            elif after := starts(self._words, end, self._of.ago):
                yield self._unit(kind, count), end + after
            elif after := starts(self._words, end, self._of.last):
                yield self._lasting(kind, count), end + after
            elif self._words[begin].isdecimal():
                yield self._lasting(kind, count), end

    def _number(self, at: int) -> tuple[int, int] | None:
        if at < len(self._words) and re.fullmatch(r"[0-9]{1,4}", self._words[at]):
            return max(1, min(DAYS_MOST, int(self._words[at]))), at + 1
        for number, some in enumerate(self._of.numbers, 1):
            if count := starts(self._words, at, some):
                return number, at + count
        return None

    def _dates(self, at: int) -> Iterator[tuple[Span, int]]:
        """November, last November, November 2025, 21 November, November 21."""
        for number, some in enumerate(self._of.months, 1):
            for last, end in self._qualified(at, some):
                year, behind = self._year(end)
                first = self._month(number, year, last=last)
                yield Span(first, min(_month_end(first), max(first, self._today))), behind
                day, behind = self._day_number(end)
                if day:
                    yield from self._on(number, day, behind)
            day, behind = self._day_number(at)
            if day and (end := self._after(behind, some)):
                yield from self._on(number, day, end)

    def _on(self, month: int, day: int, at: int) -> Iterator[tuple[Span, int]]:
        """A day of a month, of the year that stands there or the last one that there was."""
        year, end = self._year(at)
        for each in (year,) if year else range(self._today.year, self._today.year - 9, -1):
            on = _day(each, month, day)
            if on is not None and (year or on <= self._today):
                yield Span(on, on), end
                return

    def _day_number(self, at: int) -> tuple[int, int]:
        match = (
            re.fullmatch(r"([0-9]{1,2})(?:er|st|nd|rd|th|e|o)?", self._words[at]) if at < len(self._words) else None
        )
        return (int(match[1]), at + 1) if match else (0, at)

    def _year(self, at: int) -> tuple[int, int]:
        for place in self._places(at):
            if re.fullmatch(r"20[0-9]{2}", "".join(self._words[place : place + 1])):
                return int(self._words[place]), place + 1
        return 0, at

    def _in_numbers(self, at: int) -> Iterator[tuple[Span, int]]:
        """2026-11-21, 21.11.2026, and 11/21/2026 where only that can be."""
        words = self._words[at : at + 3]
        if len(words) < 3 or not all(re.fullmatch(r"[0-9]{1,4}", word) for word in words):
            return
        numbers = [int(word) for word in words]
        for year, month, day in ((0, 1, 2), (2, 1, 0), (2, 0, 1)):
            on = _day(numbers[year], numbers[month], numbers[day])
            if re.fullmatch(r"20[0-9]{2}", words[year]) and on is not None:
                yield Span(on, on), at + 3
                return

    def _month(self, month: int, year: int, *, last: bool) -> date:
        """The first of a month: of a year, else the last one that has begun, or with `last` that is over."""
        if not year:
            over = month < self._today.month or (month == self._today.month and not last)
            year = self._today.year - (not over)
        return date(year, month, 1)

    def _ago(self, days: int) -> date:
        return self._today - timedelta(days=days)

    def _part(self, day: date, part: int) -> Span:
        if part == NIGHT and day == self._today:  # the one that was, or the one that comes: nobody can tell
            return Span(day - timedelta(days=1), day, *PARTS[NIGHT], dark=True)
        return Span(day, day, *PARTS[part])

    def _unit(self, kind: int, ago: int) -> Span:
        """A day, or a whole week, month or year, so long ago; until today where it goes on."""
        today = self._today
        if kind == DAY:
            return Span(self._ago(ago), self._ago(ago))
        if kind == WEEK:
            first = self._ago(today.weekday() + 7 * min(ago, DAYS_MOST // 7))
            return Span(first, min(today, first + timedelta(days=6)))
        if kind == MONTH:
            first = _months_before(today.replace(day=1), min(ago, DAYS_MOST // 30))
            return Span(first, min(today, _month_end(first)))
        first = date(today.year - min(ago, 99), 1, 1)
        return Span(first, min(today, date(first.year, 12, 31)))

    def _lasting(self, kind: int, count: int) -> Span:
        """The days until today that were so many days, weeks, months or years."""
        if kind in {DAY, WEEK}:
            days = min(DAYS_MOST, count * (7 if kind == WEEK else 1))
            return Span(self._ago(days - 1), self._today)
        months = min(DAYS_MOST // 30, count * (12 if kind == YEAR else 1))
        return Span(_months_before(self._today, months) + timedelta(days=1), self._today)


def _day(year: int, month: int, day: int) -> date | None:
    """A day; None where there is no such one."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_end(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _months_before(day: date, count: int) -> date:
    """The same day so many months before, or the last one that this month has."""
    year, month = divmod(day.year * 12 + day.month - 1 - count, 12)
    first = date(year, month + 1, 1)
    return first.replace(day=min(day.day, _month_end(first).day))
