"""Days and times as people write them, in the language and by the clock of whoever looks.

`static/times.js` writes the same; the patterns are messages of the catalogue, for both.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from watcher.web.page.language import gettext as _
from watcher.web.page.language import speech


def weekday(day: date) -> str:
    """A day of the week: "Saturday"."""
    return weekday_of(day.isoweekday())


def weekday_of(number: int) -> str:
    """The same by its number, as ISO 8601 counts: "Sunday" of 7."""
    return _("Monday Tuesday Wednesday Thursday Friday Saturday Sunday").split()[number - 1]


def month(day: date) -> str:
    """A month as it stands behind the number of a day: "November"."""
    names = _("January February March April May June July August September October November December")
    return names.split()[day.month - 1]


def _short_month(day: date) -> str:
    return _("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split()[day.month - 1]


def day_title(day: date) -> str:
    """A day as a heading: "Saturday, 21 November 2026"."""
    return _(
        "%(weekday)s, %(day)s %(month)s %(year)s",
        weekday=weekday(day),
        day=day.day,
        month=month(day),
        year=day.year,
    )


def day_spoken(day: date) -> str:
    """The same without its year: "Saturday, 21 November"."""
    return _("%(weekday)s, %(day)s %(month)s", weekday=weekday(day), day=day.day, month=month(day))


def day_short(day: date) -> str:
    """A day as a button says it: "Sat 21 Nov"."""
    names = _("Mon Tue Wed Thu Fri Sat Sun").split()
    return _("%(weekday)s %(day)s %(month)s", weekday=names[day.weekday()], day=day.day, month=_short_month(day))


def day_of(day: date) -> str:
    """A day within a sentence: "21 November 2026"."""
    return _("%(day)s %(month)s %(year)s", day=day.day, month=month(day), year=day.year)


def day_and_month(day: date) -> str:
    """The same without its year: "21 November"."""
    return _("%(day)s %(month)s", day=day.day, month=month(day))


def near_days(today: date) -> dict[date, str]:
    """What the days are called that have a name besides their date."""
    return {today: _("Today"), today - timedelta(days=1): _("Yesterday")}


def clock_parts(at: datetime) -> tuple[str, str, str]:
    """A time of day as hours and minutes, seconds, and which half of the day: ("16:05", ":33", "")."""
    if not speech().twelve:
        return f"{at:%H:%M}", f":{at:%S}", ""
    return f"{at.hour % 12 or 12}:{at:%M}", f":{at:%S}", " AM" if at.hour < 12 else " PM"


def hour(key: str) -> str:
    """The hour of a group of clips: "16:00" of "2026-11-21T16"."""
    return clock(datetime.fromisoformat(f"{key}:00"))


def clock(at: datetime, *, seconds: bool = False) -> str:
    """A time of day: "16:05", "4:05 PM"."""
    minutes, rest, half = clock_parts(at)
    return f"{minutes}{rest if seconds else ''}{half}"


def moment(at: datetime, *, seconds: bool = False) -> str:
    """A day and a time: "21 November 2026, 16:05"."""
    return f"{day_of(at)}, {clock(at, seconds=seconds)}"


def near(at: datetime, now: datetime) -> str:
    """A moment not long ago, as short as can be: "16:05", "yesterday 16:05", "21 Nov, 16:05"."""
    time, days = clock(at), (now.date() - at.date()).days
    if days == 0:
        return time
    if days == 1:
        return _("yesterday %(time)s", time=time)
    if at.year == now.year:
        return _("%(day)s %(month)s, %(time)s", day=at.day, month=_short_month(at), time=time)
    return _("%(day)s %(month)s %(year)s, %(time)s", day=at.day, month=_short_month(at), year=at.year, time=time)
