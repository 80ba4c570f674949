"""Retiring: how a clip's file is removed, and the sweep that finishes what a crash cut off.

1. the row becomes `retired`: listed no more, 2. the file goes, 3. the renditions go, 4. the row frees its key.
A crash after any of them leaves a retired row whose key is not free: the sweep after the next scan goes on from
there. The other way round a crash would leave a clip that is listed and cannot be played.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from pathlib import Path

from watcher.catalog import Catalog
from watcher.catalog.retiring import Retired
from watcher.catalog.rows import signed
from watcher.clock import Clock
from watcher.ignoring import printable
from watcher.storage import VideoRoot

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=30)  # for which the feed of changes tells that a clip was retired


class Retention:
    """Removes clips, when a person or a rule says so."""

    def __init__(self, *, root: VideoRoot, catalog: Catalog, renditions: Path, clock: Clock) -> None:
        self._root = root
        self._catalog = catalog
        self._renditions = renditions
        self._clock = clock

    def retire(self, clip_id: int, *, revision: int | None = None) -> None:
        """Give a clip up and remove its file.

        Raises ClipNotFoundError, HeldError, ChangedError if it is not at the `revision` that is meant, and OSError
        if the file cannot be removed: then the clip is retired, and each sweep tries again.
        """
        retired = self._catalog.retire(clip_id, revision=revision, now=self._clock.now())
        if retired is not None:
            self._remove(retired)

    def sweep(self) -> None:
        """Finish what a crash or a read-only disk left half done, and forget what was retired long ago."""
        for retired in self._catalog.unswept():
            try:
                self._remove(retired)
            except OSError as reason:
                log.warning("%s is retired and cannot be removed: %s", printable(retired.key), reason.strerror)
        while self._catalog.forget(self._clock.now() - REMEMBERED):
            pass

    def _remove(self, retired: Retired) -> None:
        look = self._root.look(retired.key)
        # Another file that took the name meanwhile is nobody's to remove: it becomes a clip of its own.
        if look is not None and (look.fingerprint, signed(look.inode)) == (retired.fingerprint, retired.inode):
            self._root.remove(retired.key)
        if look is None and self._root.marker() is None:
            return  # the disk is not mounted: the file may well be there
        for rendition in retired.renditions:
            with contextlib.suppress(FileNotFoundError):
                (self._renditions / rendition).unlink()
        self._catalog.swept(retired.id)
        log.info("%s was removed", printable(retired.key))
