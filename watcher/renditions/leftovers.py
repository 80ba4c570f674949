"""Removes what nobody needs from the renditions folder: what killed workers left, and pictures of gone clips.

The names of unfinished files end in a process's number and `.tmp`. Those of a process that is no more may go at
once; where other machines share the folder its number tells nothing, and only what is old goes.

A poster or a sprite has its clip's id and content in its name. It goes where the catalog knows no such clip, or
where this clip has another content and names another file: a crash may fall between a picture and its row, or
between a row and the picture that it forgot. What is of a clip's content stays, and so does what is not old: it may
not be noted yet. Nothing goes while the catalog is not the one of this video folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from watcher.catalog.rendition_names import FOLDER_CLIPS
from watcher.services import Services

log = logging.getLogger("watcher.ingester")

DAY_SECONDS = 86400.0
OLD_SECONDS = 3600.0  # no picture takes that long
PAUSE_SECONDS = 0.01  # after each folder: nobody waits for the disk because of us
_ASIDE = re.compile(r"\.webp\.(\d{1,9})\.tmp\Z")
_PICTURE = re.compile(r"(\d{1,18})-([0-9a-f]{16})(?:\.[0-9a-z]{1,16})?\.webp\Z")


class Leftovers:
    """Looks at the start, and once a day."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.name, self.every_seconds, self.stopped = "leftovers", DAY_SECONDS, threading.Event()
        self._shared = services.settings.ingest.shared

    def turn(self) -> None:
        """Go through the folders of posters and sprites."""
        if number := self._remove(self._aside):
            log.info("removed %d pictures that killed workers left unfinished", number)
        catalog, root = self.services.catalog, self.services.root
        if root.marker_problem(catalog.database.catalog_id() or "") is None and (
            number := self._remove(self._unnamed)
        ):
            log.info("removed %d pictures of clips that are gone, or have another content", number)

    def _remove(self, unneeded: Callable[[Path], Iterator[Path]]) -> int:
        """Remove files from each folder; how many there were."""
        number = 0
        for folder in sorted(self.services.places.renditions.glob("[0-9]*")):
            with contextlib.suppress(OSError):
                for path in unneeded(folder):
                    path.unlink(missing_ok=True)
                    number += 1
            if self.stopped.wait(PAUSE_SECONDS):
                break
        return number

    def _aside(self, folder: Path) -> Iterator[Path]:
        """Files without names whose processes are no more."""
        with os.scandir(folder) as entries:
            for entry in entries:
                match = _ASIDE.search(entry.name)
                if match and (_is_old(entry) or not (self._shared or _lives(int(match[1])))):
                    yield Path(entry.path)

    def _unnamed(self, folder: Path) -> Iterator[Path]:
        """Pictures that no clip has."""
        if not folder.name.isdecimal():
            return
        first = int(folder.name) * FOLDER_CLIPS
        contents = self.services.catalog.renditions.renditions_of(first, first + FOLDER_CLIPS)
        with os.scandir(folder) as entries:
            for entry in entries:
                match = _PICTURE.match(entry.name)
                if match is None or not first <= int(match[1]) < first + FOLDER_CLIPS:
                    continue
                digest, names = contents.get(int(match[1]), ("", ()))
                needed = digest.startswith(match[2]) or f"{folder.name}/{entry.name}" in names
                if not needed and _is_old(entry):
                    yield Path(entry.path)


def _is_old(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file that was written long ago."""
    with contextlib.suppress(OSError):
        return entry.is_file(follow_symlinks=False) and time.time() - entry.stat().st_mtime > OLD_SECONDS
    return False


def _lives(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
