"""Has the sums of days kept for the offsets that the site's clocks have: a thread of the ingester."""

from __future__ import annotations

from datetime import timedelta

from watcher.ingester.periodic import Helper
from watcher.model.buckets import offsets, quarter_of
from watcher.naming.reader import EARLIEST
from watcher.services import Services

LOOK_SECONDS = 3600.0
AHEAD = timedelta(days=800)


class Daily(Helper):
    """Looks whether the site's zone is another one, or has other rules."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "sums by day", every_seconds=LOOK_SECONDS)

    def turn(self) -> None:
        """Keep what is not kept yet."""
        until = quarter_of(self.services.clock.now() + AHEAD)
        wanted = offsets(quarter_of(EARLIEST), until, self.services.settings.zone)
        self.catalog.keep_days(wanted, lambda: not self.stopped.is_set())
