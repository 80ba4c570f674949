"""Files and folders that we may not read, tried again now and then: a changed mode sends no event that we watch."""

from __future__ import annotations

import os

from watcher.storage.video_root import VideoRoot

MOST = 1000  # that are kept in mind, the latest; a scan tries the others
RETRY_SECONDS = 60.0


class Unreadable:
    """The files and folders that could not be read; a folder's name ends with a slash."""

    def __init__(self, root: VideoRoot) -> None:
        self._root = root
        self._names: dict[str, None] = {}
        self._next = 0.0

    def add(self, name: str) -> None:
        """Note a file or folder that could not be read."""
        self._names.pop(name, None)
        self._names[name] = None
        if len(self._names) > MOST:
            del self._names[next(iter(self._names))]

    def forget(self, name: str) -> None:
        """Forget a file or folder, which was read or is gone."""
        self._names.pop(name, None)

    def readable(self, now: float) -> list[str]:
        """The names that can be read by now; they are looked at once a minute. `now` is monotonic, in seconds."""
        if not self._names or now < self._next:
            return []
        self._next = now + RETRY_SECONDS
        keys = []
        for name in list(self._names):
            try:
                os.close(self._root.open(name.rstrip("/")))
                keys.append(name)
            except (FileNotFoundError, NotADirectoryError, ValueError):
                del self._names[name]
            except OSError:
                continue
        for name in keys:
            del self._names[name]
        return keys
