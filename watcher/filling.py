"""Says in the log that the disk is going to be full, well before it is: a thread of the ingester."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from watcher import disk
from watcher.helper import Helper
from watcher.wiring import Services

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 3600.0
AGAIN = timedelta(days=1)


class Filling(Helper):
    """Looks at what came in the last day, and at what is free."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "the disk's filling", every_seconds=LOOK_SECONDS)
        self._said_at: datetime | None = None

    def turn(self) -> None:
        """Say it, once a day."""
        now = self.services.clock.now()
        at = self.services.full_at()
        if at is None or at - now > disk.WARNING or (self._said_at is not None and now - self._said_at < AGAIN):
            return
        self._said_at = now
        day = at.astimezone(self.services.settings.zone).date()
        log.warning(
            "the disk will be full on %s at the rate of the last day, and no rule of retention keeps room: "
            "see guide/retention.md",
            day,
        )
