"""Whether a clip's start is believed: no rule of retention counts by a clock that nobody set.

*Arrival* is when a clip's content was first seen. Rules count the start where it is trusted and the arrival where
it is doubted: where it was guessed, is before 2005, or is later than the arrival can be; or where a camera's live
clips keep coming with one constant lag, so that its clock is behind and not its clips old (`steady_lag`). An old
start alone is no doubt: a collection that is moved in has times of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from watcher.model.clip import EARLIEST, TimeQuality, milliseconds

DAY_MS = 86_400_000
EARLIEST_MS = milliseconds(EARLIEST)
AHEAD_MS = 2 * DAY_MS  # a start so much later than the arrival: more than time zones can explain
LIVE_CLIPS = 5  # that tell a camera's lag …
LIVE_SPAN_MS = 600_000  # … which came over so long at least …
LIVE_STEADY = (
    20  # … with lags that differ by less than this part of it: a copied collection comes faster than it was
)


class Doubt(StrEnum):
    """Why the arrival counts and not the start."""

    GUESSED = "guessed"
    EARLY = "before_2005"
    AHEAD = "after_arrival"
    LAG = "constant_lag"


class Came(NamedTuple):
    """A clip that was older than `retention.doubt_days` when it came, as its own times tell."""

    id: int
    camera: str
    arrived_ms: int
    ended_ms: int

    @property
    def lag_ms(self) -> int:
        """How long after its end it came."""
        return self.arrived_ms - self.ended_ms


def doubt(started_ms: int, arrived_ms: int, quality: str) -> Doubt | None:
    """What speaks against a start, as far as one clip tells.

    >>> day = DAY_MS
    >>> doubt(20_000 * day, 20_001 * day, "sure"), doubt(20_004 * day, 20_001 * day, "sure")
    (None, <Doubt.AHEAD: 'after_arrival'>)
    >>> doubt(0, 20_001 * day, "sure"), doubt(20_000 * day, 20_001 * day, "guessed")
    (<Doubt.EARLY: 'before_2005'>, <Doubt.GUESSED: 'guessed'>)
    """
    if quality == TimeQuality.GUESSED:
        return Doubt.GUESSED
    if started_ms < EARLIEST_MS:
        return Doubt.EARLY
    return Doubt.AHEAD if started_ms > arrived_ms + AHEAD_MS else None


def counting(started_ms: int, arrived_ms: int, quality: str, doubt_ms: int) -> dict[str, int]:
    """The columns that rules go by: the moment that counts, and whether the clip was very old when it came.

    >>> counting(20_000 * DAY_MS, 20_100 * DAY_MS, "sure", 30 * DAY_MS)
    {'counts_ms': 1728000000000, 'spared': 1}
    """
    doubted = doubt(started_ms, arrived_ms, quality) is not None
    counts = arrived_ms if doubted else started_ms
    return {"counts_ms": counts, "spared": int(arrived_ms - counts > doubt_ms)}


def steady_lag(came: Sequence[Came], least_ms: int) -> int | None:
    """How far behind a camera's clock is, from clips in the order in which they came; None where they do not tell.

    Live clips come as fast as they were recorded, so that the lag stays; those of a collection that is copied come
    faster, and those of one moment tell nothing.
    """
    if len(came) < LIVE_CLIPS:
        return None
    lags = [arrival.lag_ms for arrival in came]
    span, spread = came[-1].arrived_ms - came[0].arrived_ms, max(lags) - min(lags)
    if min(lags) <= least_ms or span < LIVE_SPAN_MS or spread > min(DAY_MS, span // LIVE_STEADY):
        return None
    return lags[-1]
