"""The last change as each may know of it: of all cameras, or of those that exist for whoever asks."""

from __future__ import annotations

import threading

from cachetools import LRUCache

from watcher.catalog import Catalog

KEPT_MOST = 100  # sets of cameras


class Heads:
    """For each set of cameras that keys are bound to: up to where was looked, and the last change found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_cameras: LRUCache[tuple[str, ...], tuple[int, int]] = LRUCache(KEPT_MOST)

    def head(self, catalog: Catalog, cameras: tuple[str, ...] | None) -> int:
        """The seq of the last change of these cameras; what others have does not move it. None: of all cameras.

        It costs a look at what changed since it was asked for last; the first time all changes after these cameras'
        last one. It never lies before what the feed has forgotten, so that who has read up to it can go on.
        """
        upto = catalog.clips.head()
        if cameras is None:
            return upto
        with self._lock:
            looked, last = self._by_cameras.get(cameras, (0, 0))
        if looked > upto:  # another catalog
            looked, last = 0, 0
        if looked < upto:
            silences = catalog.silences.after(looked, upto, cameras=cameras)
            settings = catalog.cameras.after(looked, upto, cameras=cameras)
            revisions = [
                *(silence.revision or 0 for silence in silences),
                *(change.revision for change in settings),
            ]
            last = max([last, catalog.clips.last_change(looked, cameras), *revisions])
            with self._lock:
                self._by_cameras[cameras] = (upto, last)
        return max(last, catalog.clips.forgotten())
