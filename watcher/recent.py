"""What was just read: a folder that is moved in tells of each file more than once, and it is read once."""

from __future__ import annotations

from watcher.clip import Fingerprint

LIMIT = 10_000  # files; the eldest are forgotten, which costs no more than reading them again


class Recent:
    """The files that were just read, and how they looked."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._files: dict[str, tuple[Fingerprint, int, bool]] = {}

    def note(self, key: str, fingerprint: Fingerprint, inode: int, *, clip: bool) -> None:
        """Remember a file as it was read, and whether it is a clip."""
        self._files.pop(key, None)
        self._files[key] = (fingerprint, inode, clip)
        if len(self._files) > self._limit:
            del self._files[next(iter(self._files))]

    def forget(self, key: str) -> None:
        """The file went away, or something is known to have changed."""
        self._files.pop(key, None)

    def clear(self) -> None:
        """Nothing that was read counts any more."""
        self._files.clear()

    def __contains__(self, key: str) -> bool:
        """Whether there is anything to compare with, before the file is looked at."""
        return key in self._files

    def found_clip(self, key: str, fingerprint: Fingerprint, inode: int) -> bool | None:
        """Whether this file was found to be a clip; None if it was not read, or looks different since."""
        seen = self._files.get(key)
        return seen[2] if seen is not None and seen[:2] == (fingerprint, inode) else None
