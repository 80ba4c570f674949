"""Finishes resumable uploads of which every byte is here and no clip is.

A full disk kept them from it, a catalog that was away, or a crash. Their clients were not told that all is here,
and may have gone; what cannot be finished now stays, however long it takes. A request and this never finish one
upload at once: both hold it.
"""

from __future__ import annotations

import logging
import threading

from watcher.ingest.ingest import Ingest
from watcher.ingest.uploads import FOR_GOOD, Uploads
from watcher.model.errors import LockedError, UploadNotFoundError
from watcher.services import Services

log = logging.getLogger("watcher.uploads")

LOOK_SECONDS = 5.0


class Finishing:
    """The thread that finishes them."""

    def __init__(self, services: Services, ingest: Ingest) -> None:
        self.services = services
        self.name, self.every_seconds, self.stopped = "uploads", LOOK_SECONDS, threading.Event()
        self._uploads = Uploads.of(services, ingest)
        self._reported: dict[str, str] = {}  # why uploads wait, as far as that was said

    def turn(self) -> None:
        """Finish what can be finished; one that cannot keeps none of the others."""
        waiting = self._uploads.spool.whole()
        ids = {upload.id for upload in waiting}
        self._reported = {upload_id: why for upload_id, why in self._reported.items() if upload_id in ids}
        for upload in waiting:
            if self.stopped.is_set():
                return
            try:
                with upload.held():
                    self._uploads.finish(upload)
            except (LockedError, UploadNotFoundError):
                continue  # a request is at it, or was quicker
            except FOR_GOOD as reason:
                log.warning("the upload %s is refused: %s", upload.id, reason)
            except Exception as reason:
                if self._reported.get(upload.id) != str(reason):
                    log.warning("the upload %s is whole and waits: %s", upload.id, reason)
                self._reported[upload.id] = str(reason)
