"""What looks after one thing beside the ingester: a thread that takes its turn again and again."""

from __future__ import annotations

import logging
import threading

from watcher.services import Services

log = logging.getLogger("watcher.ingester")

FIRST_SECONDS = 2.0  # at most, before the first turn: the ingester begins with the machine to itself
RETRY_SECONDS = 10.0  # at least, after a turn that failed


class NotNowError(Exception):
    """It cannot be done now and is no fault: we are to end, or the disk is nearly full, or nobody wants it."""


class Helper(threading.Thread):
    """Looks after one thing; what fails is said and tried again."""

    def __init__(self, services: Services, name: str, *, every_seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self.services = services
        self.catalog = services.catalog
        self.stopped = threading.Event()
        self._every_seconds = every_seconds

    def turn(self) -> None:
        """Do what there is to do. May raise NotNowError."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it at once."""
        self.stopped.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Until it is stopped."""
        pause = min(self._every_seconds, FIRST_SECONDS)
        while not self.stopped.wait(pause):
            pause = max(self._every_seconds, RETRY_SECONDS)
            try:
                self.turn()
                pause = self._every_seconds
            except NotNowError:
                pass
            except Exception:
                log.exception("%s: trying again in a while", self.name)
