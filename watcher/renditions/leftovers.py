"""Removes what workers that were killed have left in the renditions folder: files that never got their names.

Their names end in a process's number and `.tmp`. Those of a process that is no more may go at once; where other
machines share the folder its number tells nothing, and only what is old goes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from watcher.services import Services

log = logging.getLogger("watcher.ingester")

DAY_SECONDS = 86400.0
OLD_SECONDS = 3600.0  # no picture takes that long
PAUSE_SECONDS = 0.01  # after each folder: nobody waits for the disk because of us
_ASIDE = re.compile(r"\.webp\.(\d{1,9})\.tmp\Z")


class Leftovers:
    """Looks at the start, and once a day."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.name, self.every_seconds, self.stopped = "leftovers", DAY_SECONDS, threading.Event()
        self._shared = services.settings.ingest.shared

    def turn(self) -> None:
        """Go through the folders of posters and sprites."""
        removed = 0
        for path, process in self._aside():
            with contextlib.suppress(OSError):
                age = time.time() - path.stat().st_mtime
                if age > OLD_SECONDS or not (self._shared or _lives(process)):
                    path.unlink()
                    removed += 1
        if removed:
            log.info("removed %d pictures that killed workers left unfinished", removed)

    def _aside(self) -> Iterator[tuple[Path, int]]:
        """The files without names, and whose they are."""
        for folder in sorted(self.services.places.renditions.glob("[0-9]*")):
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if match := _ASIDE.search(entry.name):
                        yield Path(entry.path), int(match[1])
            if self.stopped.wait(PAUSE_SECONDS):
                return


def _lives(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
