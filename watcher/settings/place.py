"""Where the site is, and in which time zone."""

from __future__ import annotations

import os
import re
import zoneinfo
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Place(NamedTuple):
    """A place on earth, in degrees."""

    north: float
    east: float


def place_of(text: str) -> Place:
    """A place as the settings tell it. Raises ValueError, with a sentence.

    >>> place_of("52.52, 13.40")
    Place(north=52.52, east=13.4)
    """
    match = re.fullmatch(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*", text, re.ASCII)
    if match is None or abs(float(match[1])) > 90 or abs(float(match[2])) > 180:
        raise ValueError(f'{text!r} is no place, such as "52.52, 13.40": degrees north and east')
    return Place(float(match[1]), float(match[2]))


def host_zone() -> str:
    """The host's IANA zone, from TZ, /etc/timezone or /etc/localtime; UTC where none of them tells."""
    candidates = [os.environ.get("TZ", "").lstrip(":")]
    try:
        candidates.append(os.path.realpath("/etc/localtime").partition("zoneinfo/")[2])
        candidates.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    except OSError:
        pass
    for candidate in candidates:
        if candidate:
            try:
                ZoneInfo(candidate)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                continue
            return "UTC" if candidate.lower() in {"etc/utc", "etc/uct", "zulu"} else candidate
    return "UTC"
