"""Says in the log what is going to be wrong with the disk, well before it is: a thread of the ingester."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from watcher.retention import forecast
from watcher.services import Services
from watcher.storage import permission

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 3600.0
AGAIN = timedelta(days=1)


class DiskSpace:
    """Looks at what came in the last day, at what is free, and at folders that are somebody else's."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.name, self.every_seconds, self.stopped = "the disk's filling", LOOK_SECONDS, threading.Event()
        self._reported: dict[str, datetime] = {}  # what, and when

    def turn(self) -> None:
        """Log each warning once a day."""
        now, video = self.services.clock.now(), self.services.places.video
        at = forecast.disk_full_at(self.services)
        if at is not None and at - now <= forecast.WARNING:
            day = at.astimezone(self.services.settings.zone).date()
            self._say(
                "full",
                f"the disk will be full on {day} at the rate of the last day, and no rule of retention keeps room: "
                "see guide/retention.md",
                now,
            )
        if few := permission.space(video).few_inodes:
            self._say("inodes", few, now)
        for reason in permission.unwritable(video):
            self._say(str(reason), f"{reason}; until then nothing can be sent there or removed", now)

    def _say(self, what: str, sentence: str, now: datetime) -> None:
        if what not in self._reported or now - self._reported[what] >= AGAIN:
            self._reported[what] = now
            log.warning("%s", sentence)
