"""What was just read: a folder that is moved in tells of each file more than once, and it is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watcher.model.clip import Fingerprint

LIMIT = 10_000  # files; the eldest are forgotten, which costs no more than reading them again
SECONDS = 10.0  # after which an event is believed to be about something new


class Recent:
    """The files that were just read, and how they looked."""

    def __init__(self, *, limit: int = LIMIT, seconds: float = SECONDS) -> None:
        self._limit = limit
        self._seconds = seconds
        self._files: dict[str, tuple[Fingerprint, int, float]] = {}

    def note(self, key: str, fingerprint: Fingerprint, inode: int, *, now: float) -> None:
        """Remember a file as it was read; `now` is monotonic, in seconds."""
        self._files.pop(key, None)
        self._files[key] = (fingerprint, inode, now)
        if len(self._files) > self._limit:
            del self._files[next(iter(self._files))]

    def forget(self, keys: Iterable[str]) -> None:
        """The catalog no longer says of these files what was read."""
        for key in keys:
            self._files.pop(key, None)

    def clear(self) -> None:
        """Nothing that was read counts any more."""
        self._files.clear()

    def has(self, key: str, look: Callable[[], tuple[Fingerprint, int] | None], *, now: float) -> bool:
        """Whether a file was just read and looks as it did then; it is looked at only if it was read."""
        seen = self._files.get(key)
        return seen is not None and now - seen[2] < self._seconds and look() == seen[:2]
