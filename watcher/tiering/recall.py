"""Brings clips back from a store: each is in one place or in two, never in none.

1. its bytes are copied aside, and compared by length and SHA-256, 2. they get the clip's name, where no file has
it, 3. the row says that it lies here, and that its object is to go (RETURNED), 4. the object goes, 5. the row says
so. A crash before 2 leaves a copy in `run/recall`, which the next start removes; one before 3 a file that the next
turn compares, and takes for the clip's; one before 5 what the next turn does again.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import time

from watcher.catalog.stored import Lying
from watcher.model.errors import TakenError
from watcher.naming.ignore import printable
from watcher.services import Services
from watcher.storage.video_root import CLIP_MODE
from watcher.tiering.copying import OtherError, Pace
from watcher.tiering.footage import Stores

log = logging.getLogger("watcher.tiering")


class Recall:
    """Brings them back."""

    def __init__(self, services: Services, stores: Stores, pace: Pace) -> None:
        self._settings, self._clock = services.settings, services.clock
        self._catalog, self._root = services.catalog, services.root
        self._stores, self._pace = stores, pace
        self._aside = services.places.run / "recall"

    def tidy(self) -> None:
        """Remove what a crash left."""
        shutil.rmtree(self._aside, ignore_errors=True)

    def bring_back(self, clip: Lying) -> None:
        """Bring a clip back into the video root. Raises StoreAwayError, TakenError, and what keeps it there."""
        look = self._root.look(clip.key)
        if look is None:
            self._bring(clip)
            look = self._root.look(clip.key)
        if look is None:
            raise OtherError("it is not there after all")
        if look.size_bytes != clip.size_bytes or self._hash(clip.key) != clip.sha256:
            raise TakenError(f"{printable(clip.key)} stays in its store: another file has its name")
        if self._catalog.stored.returned(clip, look.inode, look.mtime_ns, now=self._clock.now()):
            log.info("%s is back from the store %s", printable(clip.key), clip.store)

    def _bring(self, clip: Lying) -> None:
        """Copy an object aside, compare it, and give it its name."""
        floor = self._settings.upload.min_free_bytes
        self._root.check_writable(size_bytes=clip.size_bytes, keep_bytes=floor)
        store = self._stores[clip.store or ""]
        self._aside.mkdir(mode=0o700, exist_ok=True)
        aside = self._aside / str(clip.id)
        digest = hashlib.sha256()
        try:
            with aside.open("wb") as file:
                for piece in store.read(clip.store_key or "", 0, clip.size_bytes):
                    digest.update(piece)
                    file.write(piece)
                    self._pace.took(len(piece))
                file.flush()
                os.fchmod(file.fileno(), CLIP_MODE)
                os.utime(file.fileno(), ns=(time.time_ns(), clip.mtime_ns))
                os.fsync(file.fileno())
            if digest.hexdigest() != clip.sha256:
                raise OSError(errno.EIO, f"the store {store.name} gives other bytes back than it was given")
            try:
                self._root.give(aside, clip.key)
            except FileExistsError:
                raise TakenError(f"{printable(clip.key)}: another file has its name") from None
        finally:
            aside.unlink(missing_ok=True)

    def _hash(self, key: str) -> str:
        with os.fdopen(self._root.open(key), "rb") as file:
            return self._pace.hash_of(file.fileno())
