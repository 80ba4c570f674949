"""Day, twilight and night by the sun: astral knows when it rises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from watcher.model.clip import Light

HORIZON, CIVIL = -0.833, -6.0  # degrees: the sun's rim with the air's bending, and the end of civil twilight


class Place(NamedTuple):
    """A place on earth, in degrees."""

    north: float
    east: float


def place_of(text: str) -> Place:
    """A place as the settings tell it. Raises ValueError, with a sentence.

    >>> place_of("52.52, 13.40")
    Place(north=52.52, east=13.4)
    """
    found = re.fullmatch(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*", text, re.ASCII)
    if found is None or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        raise ValueError(f'{text!r} is no place, such as "52.52, 13.40": degrees north and east')
    return Place(float(found[1]), float(found[2]))


def light_at(place: Place, at: datetime) -> Light:
    """What it is at a moment."""
    from astral import Observer  # noqa: PLC0415 - only where a site is told
    from astral.sun import elevation  # noqa: PLC0415

    height = elevation(Observer(place.north, place.east), at, with_refraction=False)
    return Light.DAY if height >= HORIZON else Light.TWILIGHT if height >= CIVIL else Light.NIGHT


def changes(place: Place, first: date, last: date) -> Iterator[tuple[datetime, Light]]:
    """From when on it is what, from the beginning of one day (UTC) to that of another; to the nearest minute.

    Looked for between moments at which it differs, so that days without a sunrise need no rule of their own.
    """
    step = timedelta(minutes=20)
    at, end = (datetime.combine(day, time(), UTC) for day in (first, last))
    light = light_at(place, at)
    yield at, light
    while at < end:
        following = at + step
        then = light_at(place, following)
        if then != light:
            low, high = at, following
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if light_at(place, middle) == light else (low, middle)
            at, light = high, light_at(place, high)
            yield at, light
        else:
            at = following
