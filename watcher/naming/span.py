"""From the digits of a name to the start and the end of a clip."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from watcher.model.clip import TimeQuality
from watcher.model.instant import Instant, at_local, at_offset, at_zone
from watcher.naming.presets import Base
from watcher.naming.template import Fields


def span(
    fields: Fields, base: Base, zone: tzinfo, near: datetime, length: timedelta
) -> tuple[Instant, datetime | None]:
    """Start and end, from what a name says. Raises ValueError where the digits are no time.

    `near` is about when the clip started as the file's own time has it, `length` how long it is.
    """
    dst = bool(fields.words["dst"]) if "dst" in fields.words else None
    if not ({"H", "I", "s"} & fields.start.keys()):  # only the end has an hour: the start is so much earlier
        end = _moment(fields.end, base, zone, near + length, dst=dst)
        return end._replace(at=end.at - length), end.at
    start = _moment(fields.start, base, zone, near, dst=dst)
    if "duration" in fields.words:
        return start, start.at + timedelta(seconds=int(fields.words["duration"]))
    if not fields.end:
        return start, None
    if "s" in fields.end:
        return start, datetime.fromtimestamp(int(fields.end["s"]), UTC)
    day = {name: fields.start[name] for name in ("Y", "y", "m", "d") if name in fields.start}
    end = _moment(day | fields.end, base, zone, start.at, dst=None)
    end_at = end.at if end.at >= start.at else end.at + timedelta(days=1)  # past midnight
    return start, end_at


def _moment(fields: dict[str, str], base: Base, zone: tzinfo, near: datetime, *, dst: bool | None) -> Instant:
    if base is Base.EPOCH and "s" in fields:
        at = datetime.fromtimestamp(int(fields["s"]), UTC)
        if {"Y", "m", "d", "H", "M"} <= fields.keys():  # the local time beside it tells the offset
            shift = round((_naive(fields) - at.replace(tzinfo=None)).total_seconds() / 900) * 900
            if abs(shift) <= 14 * 3600:
                return Instant(at, shift, TimeQuality.SURE)
        return at_zone(at, zone)
    naive = _naive(fields)
    if base is Base.UTC:
        return at_zone(naive.replace(tzinfo=UTC), zone)
    if base is Base.OFFSET and "z" in fields:
        return at_offset(naive, fields["z"])
    return at_local(naive, zone, dst=dst, abbreviation=fields.get("Z"), near=near)


def _naive(fields: dict[str, str]) -> datetime:
    year = int(fields["Y"]) if "Y" in fields else 2000 + int(fields["y"])
    hour = int(fields["H"] if "H" in fields else fields["I"])
    if "I" in fields:
        if not 1 <= hour <= 12:
            raise ValueError(f"hour {hour} of 12")
        hour = hour % 12 + (12 if re.match("p", fields["p"], re.IGNORECASE) else 0)
    fraction = int(fields["f"].ljust(6, "0")[:6]) if "f" in fields else 0
    second = int(fields.get("S", 0))
    second = 59 if second == 60 else second  # a leap second, or a recorder that counts to 60
    return datetime(  # noqa: DTZ001 - the zone follows
        year, int(fields["m"]), int(fields["d"]), hour, int(fields.get("M", 0)), second, fraction
    )
