"""Looks whether the catalog is whole, at the start and daily, and each minute whether it is the same file.

What is found is noted for every process (`storage/damage.py`), until a later look finds nothing.
"""

from __future__ import annotations

import logging
import threading

from watcher.catalog.integrity import quick_check
from watcher.model.errors import CatalogDamagedError
from watcher.services import Services
from watcher.storage import damage

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 60.0
WHOLE_SECONDS = 86400.0


class CatalogHealth:
    """The thread of the ingester that looks."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = "the catalog's health", LOOK_SECONDS, threading.Event()
        self._whole_at: float | None = None

    def turn(self) -> None:
        """Look at the catalog; log once what is wrong, and note it."""
        places, path = self.services.places, self.catalog.database.file
        if path is None:
            return
        try:
            self.catalog.database.check_file()
        except CatalogDamagedError as reason:
            self._tell(str(reason))
            return
        now = self.services.clock.monotonic()
        if self._whole_at is None or now - self._whole_at >= WHOLE_SECONDS:
            self._whole_at = now
            problem = quick_check(path)
            if problem is None:
                damage.forget(places)
            else:
                self._tell(problem)

    def _tell(self, problem: str) -> None:
        if damage.noted(self.services.places) != problem:
            log.error("%s", problem)
            damage.note(self.services.places, problem)
