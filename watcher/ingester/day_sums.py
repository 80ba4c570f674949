"""Has the sums of days kept for the offsets that the site's clocks have: a thread of the ingester."""

from __future__ import annotations

import threading
from datetime import timedelta

from watcher.model.buckets import offsets, quarter_of
from watcher.model.clip import EARLIEST
from watcher.services import Services

LOOK_SECONDS = 3600.0
AHEAD = timedelta(days=800)


class DaySums:
    """Looks whether the site's zone is another one, or has other rules."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = "sums by day", LOOK_SECONDS, threading.Event()

    def turn(self) -> None:
        """Keep what is not kept yet."""
        until = quarter_of(self.services.clock.now() + AHEAD)
        clock_offsets = offsets(quarter_of(EARLIEST), until, self.services.settings.zone)
        self.catalog.timeline.keep_days(clock_offsets, lambda: not self.stopped.is_set())
