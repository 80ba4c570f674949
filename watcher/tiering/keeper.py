"""Makes the copies of clips in buckets that are to be played from the local disk (`tiering.cache_bytes`).

Who plays a clip first has it from its bucket, and leaves a wish. Its copy is made meanwhile, whole, and compared
by its SHA-256; nginx finds it at the next range. Copies are the first to go where the disk gets full: before
uploads are refused, and before retention takes clips.
"""

from __future__ import annotations

import logging
import threading
from typing import TypeGuard

from watcher.catalog.stored import PRESENT, Lying
from watcher.model.errors import DiskFullError, NotNowError, WatcherError
from watcher.naming.ignore import printable
from watcher.services import Services
from watcher.tiering.copies import Copies
from watcher.tiering.copying import Pace
from watcher.tiering.footage import Footage, Stores

log = logging.getLogger("watcher.tiering")

TURN_SECONDS = 1.0
COMPARED_SECONDS = 600.0  # between two looks whether each copy is still a clip's
WISHES_MOST = 100  # that wait; the eldest are forgotten
SPARE_BYTES = 512 << 20  # that are free beyond what others need, or no copy is made


class Keeper:
    """The task of the ingester."""

    name, every_seconds, nice = "copies", TURN_SECONDS, 19

    def __init__(self, services: Services) -> None:
        settings, self.stopped = services.settings, threading.Event()
        self._most = settings.tiering.cache_bytes
        self._stored, self._clock = services.catalog.stored, services.clock
        floor = max(settings.upload.min_free_bytes, settings.retention.min_free_bytes) + SPARE_BYTES
        self._pace = Pace(self.stopped, settings.tiering.max_bytes_per_second)
        folder, most = services.places.spool / "cold", self._most
        self._copies = Copies(folder, floor, cache_bytes=most, most_bytes=most, took=self._took)
        self._footage = Footage(services.root, services.catalog, Stores(services), self._copies)
        self._compared_at = self._looked_at = -1e9

    def turn(self) -> None:
        """Make room where it is short, then each copy that somebody wishes."""
        while True:
            self._give_way()
            self._compare()
            if not (wishes := self._copies.wishes()):
                return
            if self.stopped.is_set():
                raise NotNowError
            for old in wishes[WISHES_MOST:]:
                self._copies.settle(old)
            clip_id = wishes[0]  # the last one: whoever plays now does not wait for what others asked for before
            clip = self._stored.get(clip_id)
            if self._may_have(clip):
                try:
                    self._footage.copy(clip)
                except (WatcherError, OSError) as reason:
                    log.debug("%s is played from its store: %s", printable(clip.key), reason)
            self._copies.settle(clip_id)

    def _took(self, count: int) -> None:
        """Of a copy so many bytes are there: no faster than it may be, and no more where others lack the room.

        Raises NotNowError, DiskFullError.
        """
        self._pace.took(count)
        if self._clock.monotonic() - self._looked_at >= TURN_SECONDS and not self._give_way():
            raise DiskFullError("others need the room")

    def _give_way(self) -> bool:
        self._looked_at = self._clock.monotonic()
        return self._copies.give_way()

    def _may_have(self, clip: Lying | None) -> TypeGuard[Lying]:
        return clip is not None and bool(clip.store) and clip.state in PRESENT and clip.size_bytes <= self._most

    def _compare(self) -> None:
        """Remove copies of what is in no store any more: of a catalog that was restored, or after a crash."""
        now = self._clock.monotonic()
        if now - self._compared_at < COMPARED_SECONDS:
            return
        self._compared_at = now
        for clip_id in self._copies.there():
            clip = self._stored.get(clip_id)
            if clip is None or not clip.store:
                self._copies.remove(clip_id)
