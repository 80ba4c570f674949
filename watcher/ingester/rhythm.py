"""How long a camera is usually quiet, read from when it left clips."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

LEARNT_DAYS = 28  # four weeks, so that a free day of each week is usual
DAYS_LEAST = 4  # with clips, below which nothing is known
OUTAGES = 2  # days on which something else than its rhythm may have kept it quiet
SLACK = 1.5
LEAST = timedelta(hours=1)  # what is shorter is nobody's concern
_QUARTER = timedelta(minutes=15)
_A_DAY = 96  # quarters


def usual_quiet(quarters: Iterable[int]) -> timedelta | None:
    """How long a camera that left clips in these quarters of an hour may be quiet; None where nothing is known.

    Half more than the longest stretch without a clip, but for the two days with the longest ones: a camera that was
    broken once must not become one that may be quiet for ever. Quarters are numbered from 1970, in their order.

    >>> every_hour = range(0, 14 * 96, 4)
    >>> usual_quiet(every_hour), usual_quiet(range(96))
    (datetime.timedelta(seconds=5400), None)
    >>> by_day = [day * 96 + quarter for day in range(14) for quarter in range(30, 70)]
    >>> usual_quiet(by_day)  # nights of 14¼ hours
    datetime.timedelta(seconds=76950)
    """
    longest: dict[int, int] = {}  # stretch, by the day in which it ends
    before = None
    for quarter in quarters:
        if before is not None:
            day = quarter // _A_DAY
            longest[day] = max(longest.get(day, 0), quarter - before)
        before = quarter
    if len(longest) < DAYS_LEAST:
        return None
    stretches = sorted(longest.values(), reverse=True)
    usual = stretches[min(OUTAGES, len(stretches) // DAYS_LEAST)]
    return max(LEAST, usual * _QUARTER * SLACK)
