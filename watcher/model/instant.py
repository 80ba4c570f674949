"""From what a camera's clock showed to an instant: zones, the hour that comes twice, the hour that is skipped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from watcher.model.clip import TimeQuality

NEAR = timedelta(hours=1)  # a file's time must be so near to a reading to speak for it


class Instant(NamedTuple):
    """A moment, the clock it was read from, and how sure we are."""

    at: datetime  # UTC
    offset_seconds: int  # of the local clock, east of UTC
    quality: TimeQuality


def at_zone(at: datetime, zone: tzinfo, quality: TimeQuality = TimeQuality.SURE) -> Instant:
    """A known moment, with the offset that a zone has at it."""
    return Instant(at, round((at.astimezone(zone).utcoffset() or timedelta()).total_seconds()), quality)


def at_offset(naive: datetime, text: str) -> Instant:
    """A local time with its offset: `Z`, `+0100`, `-05:00` or `-05_00`. Raises ValueError beyond 24 hours."""
    seconds = 0
    if text.upper() != "Z":
        digits = text[1:].replace(":", "").replace("_", "")
        seconds = (int(digits[:2]) * 60 + int(digits[2:])) * 60 * (-1 if text[0] == "-" else 1)
    at = naive.replace(tzinfo=timezone(timedelta(seconds=seconds))).astimezone(UTC)
    return Instant(at, seconds, TimeQuality.SURE)


def at_local(
    naive: datetime,
    zone: tzinfo,
    *,
    dst: bool | None = None,
    abbreviation: str | None = None,
    near: datetime | None = None,
) -> Instant:
    """A local time in a zone.

    When clocks go back an hour comes twice, when they go forward one never comes: such a time has two readings
    (PEP 495). A DST flag or a zone abbreviation in the name decides; else the reading that `near`, the start as
    the file's own time has it, is close to; else the first, and the quality says that it was guessed.
    """
    first, second = (_read(naive, zone, fold) for fold in (0, 1))
    if first.at == second.at:
        return first
    for local, reading in ((naive.replace(tzinfo=zone, fold=fold), r) for fold, r in ((0, first), (1, second))):
        if dst is not None and bool(local.dst()) == dst:
            return reading
        if abbreviation and (local.tzname() or "").upper() == abbreviation.upper():
            return reading
    if near is not None:
        best = min(first, second, key=lambda reading: abs(reading.at - near))
        if abs(best.at - near) <= NEAR:
            return best._replace(quality=TimeQuality.RESOLVED)
    return first._replace(quality=TimeQuality.GUESSED)


def _read(naive: datetime, zone: tzinfo, fold: int) -> Instant:
    local = naive.replace(tzinfo=zone, fold=fold)
    at = local.astimezone(UTC)
    return at_zone(at, zone)
