"""Where the site is."""

from __future__ import annotations

import re
from typing import NamedTuple


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
