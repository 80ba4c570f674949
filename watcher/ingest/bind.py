"""Ties a catalog to its video root by the marker; done by whichever process comes first, once, under a lock.

1. the catalog gets its id, 2. the root gets the marker with that id, 3. clips are catalogued. A crash after 1 or 2
leaves a catalog without clips, which the next process binds.
"""

from __future__ import annotations

import fcntl
import logging
import uuid
from pathlib import Path

from watcher.catalog import Catalog
from watcher.model.clip import Fingerprint
from watcher.services import Services
from watcher.storage.video_root import VideoRoot

log = logging.getLogger("watcher.ingester")

LOCK = "root.lock"  # in the folder of what runs; the kernel frees it
SAMPLE = 500  # of the eldest clips, and of the newest, that are looked for
SHARE = 0.9  # of those have to be there as they were catalogued


def bind(root: VideoRoot, catalog: Catalog, run: Path) -> str:
    """Give a root its marker where it is surely this catalog's; returns the catalog's id.

    Surely: the catalog has no clips yet, or its clips lie there as they were catalogued. That heals what an older
    watcher left, which took uploads before it had bound the root. With clips that are not there, a root without a
    marker is a disk that is not mounted. Raises StartError if the marker cannot be written.
    """
    with (run / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        catalog_id = catalog.database.claim_id(uuid.uuid4().hex)
        if root.marker() is None:
            if not any(catalog.clips.state_counts().values()):
                root.write_marker(catalog_id)
            elif lies_there(root, catalog):
                log.warning("%s had no marker, but holds the clips of this catalog: it has one now", root.folder)
                root.write_marker(catalog_id)
        return catalog_id


def lies_there(root: VideoRoot, catalog: Catalog) -> bool:
    """Whether nearly all of some of a catalog's clips lie in a root, each with its size and time."""
    sample = catalog.files.some_present(SAMPLE)
    there = 0
    for key, size_bytes, mtime_ns in sample:
        try:
            look = root.look(key)
        except OSError:
            continue
        there += look is not None and look.fingerprint == Fingerprint(size_bytes, mtime_ns)
    return there > 0 and there >= SHARE * len(sample)


def bind_root(services: Services) -> str:
    """Tie a catalog to its video root where that is surely its own; the catalog's id. Raises StartError."""
    return bind(services.root, services.catalog, services.places.run)
