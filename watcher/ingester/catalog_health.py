"""Looks whether the catalog is whole, at the start and daily, and each minute whether it is the same file.

What is found stands in a file of the run folder, where every process reads it: readyz, Status and doctor tell of it
until a later look finds nothing.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from watcher.catalog.integrity import quick_check
from watcher.ingester.periodic import Helper
from watcher.model.errors import CatalogDamagedError
from watcher.services import Places, Services

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 60.0
WHOLE_SECONDS = 86400.0
_LONGEST = 500  # characters that are kept of a sentence


class CatalogHealth(Helper):
    """The thread of the ingester that looks."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "the catalog's health", every_seconds=LOOK_SECONDS)
        self._whole_at: float | None = None

    def turn(self) -> None:
        """Look; what is wrong is said once, and noted."""
        places, path = self.services.places, self.catalog.file
        if path is None:
            return
        try:
            self.catalog.check_file()
        except CatalogDamagedError as reason:
            self._tell(str(reason))
            return
        now = self.services.clock.monotonic()
        if self._whole_at is None or now - self._whole_at >= WHOLE_SECONDS:
            self._whole_at = now
            problem = quick_check(path)
            if problem is None:
                forget(places)
            else:
                self._tell(problem)

    def _tell(self, problem: str) -> None:
        if noted(self.services.places) != problem:
            log.error("%s", problem)
            note(self.services.places, problem)


def _file(places: Places) -> Path:
    return places.run / "catalog.damaged"


def note(places: Places, problem: str) -> None:
    """Note what is wrong with the catalog, for every process."""
    with contextlib.suppress(OSError):
        _file(places).write_text(problem[:_LONGEST], encoding="utf-8")


def noted(places: Places) -> str | None:
    """What was found to be wrong with the catalog; None where nothing was."""
    try:
        return _file(places).read_text(encoding="utf-8")
    except OSError:
        return None


def forget(places: Places) -> None:
    """It is whole."""
    with contextlib.suppress(OSError):
        _file(places).unlink(missing_ok=True)
