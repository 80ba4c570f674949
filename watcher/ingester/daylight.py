"""Keeps what the catalog knows of the sun at the site: a thread of the ingester."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from watcher.services import Services
from watcher.settings.place import changes, place_of

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 3600.0
BEFORE, AHEAD, LEFT = timedelta(days=366), timedelta(days=800), timedelta(days=400)


class DaylightSums:
    """Notes when it is day, around all clips that there are and for a while to come."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = "day and night", LOOK_SECONDS, threading.Event()

    def turn(self) -> None:
        """Note what is not known yet; nothing where nobody has said where the site is."""
        catalog, told = self.catalog, self.services.settings.site.location
        known = catalog.sun_of()
        if not told:
            if known:
                catalog.set_sun("", [])
            return
        today = self.services.clock.now().date()
        first = min(today, (catalog.first_start() or self.services.clock.now()).date())
        site, _, span = known.rpartition("|")
        if site == told and span:
            begin, _, end = span.partition(" ")
            if begin <= first.isoformat() and end >= (today + LEFT).isoformat():
                return
        place, since, until = place_of(told), first - BEFORE, today + AHEAD
        found = []
        for one in changes(place, since, until):
            if self.stopped.is_set():
                return
            found.append(one)
        catalog.set_sun(f"{told}|{since.isoformat()} {until.isoformat()}", found)
        log.info("the sun at %s is known from %s to %s", told, since, until)
