"""Keeps what the catalog knows of the sun at the site; astral knows when it rises."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from watcher.model.clip import Light
from watcher.services import Services
from watcher.settings.place import Place, place_of

log = logging.getLogger("watcher.ingester")

HORIZON, CIVIL = -0.833, -6.0  # degrees: the sun's rim with the air's bending, and the end of civil twilight
LOOK_SECONDS = 3600.0
BEFORE, AHEAD, LEFT = timedelta(days=366), timedelta(days=800), timedelta(days=400)


def light_at(place: Place, at: datetime) -> Light:
    """Whether it is day or night at a moment."""
    from astral import Observer  # noqa: PLC0415 - only where a site is told
    from astral.sun import elevation  # noqa: PLC0415

    height = elevation(Observer(place.north, place.east), at, with_refraction=False)
    return Light.DAY if height >= HORIZON else Light.TWILIGHT if height >= CIVIL else Light.NIGHT


def changes(place: Place, first: date, last: date) -> Iterator[tuple[datetime, Light]]:
    """When day and night begin, between the beginnings of two days (UTC), to the nearest minute.

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


class DaylightSums:
    """Notes when it is day, around all clips that there are and for a while to come."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = "day and night", LOOK_SECONDS, threading.Event()

    def turn(self) -> None:
        """Note day and night as far as they are not known; nothing where the settings name no place."""
        catalog, location = self.catalog, self.services.settings.site.location
        sun_before = catalog.daylight.sun_of()
        if not location:
            if sun_before:
                catalog.daylight.set_sun("", [])
            return
        today = self.services.clock.now().date()
        first = min(today, (catalog.daylight.first_start() or self.services.clock.now()).date())
        site, _, span = sun_before.rpartition("|")
        if site == location and span:
            begin, _, end = span.partition(" ")
            if begin <= first.isoformat() and end >= (today + LEFT).isoformat():
                return
        place, since, until = place_of(location), first - BEFORE, today + AHEAD
        sun = []
        for change in changes(place, since, until):
            if self.stopped.is_set():
                return
            sun.append(change)
        catalog.daylight.set_sun(f"{location}|{since.isoformat()} {until.isoformat()}", sun)
        log.info("the sun at %s is known from %s to %s", location, since, until)
