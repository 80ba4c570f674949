"""Files that events told of and that are not read yet: when to look at each, and in which order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from watcher.ingest.ingest import Waiting
from watcher.model.clip import Fingerprint
from watcher.storage.look import Look

FIRST_RECHECK, LAST_RECHECK = 0.02, 1.0  # seconds between looks at a file that is being written
RECENT_MOST = 10_000  # files; the eldest are forgotten, which costs no more than reading them again
RECENT_SECONDS = 10.0  # after which an event is believed to be about something new


@dataclass(slots=True)
class Pending:
    """A file that has not settled yet."""

    quiet_since: float  # monotonic: since when it looks as it does
    look: Look | None = None  # how it looked then
    closed: bool = False
    recheck: float = FIRST_RECHECK

    @property
    def seen(self) -> tuple[Look, float] | None:
        """How it looked at the last look, and since when."""
        return None if self.look is None else (self.look, self.quiet_since)


class PendingFiles:
    """All of them, by key; times are monotonic, in seconds."""

    def __init__(self) -> None:
        self._files: dict[str, Pending] = {}
        self._due: list[tuple[float, str]] = []  # a heap; entries of keys that settled are passed over
        self._ready: dict[str, None] = {}  # whose time has come, the last to be read first

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, key: str) -> bool:
        return key in self._files

    def add(self, key: str, now: float, *, closed: bool = False) -> None:
        """Something happened to a file, perhaps its close: look at it now."""
        pending = self._files.get(key)
        if pending is None:
            pending = self._files[key] = Pending(quiet_since=now)
        pending.closed = closed or pending.closed
        pending.recheck = FIRST_RECHECK
        heapq.heappush(self._due, (now, key))

    def remove(self, key: str) -> None:
        """It was read, or is gone."""
        self._files.pop(key, None)

    def next_at(self) -> float | None:
        """When there is something to look at: 0 for at once, None for nothing."""
        if self._ready:
            return 0.0
        return self._due[0][0] if self._due else None

    def take(self, now: float) -> tuple[str, Pending] | None:
        """The next file to look at, the one of the last event first.

        So a live clip does not wait for a collection that is being copied in.
        """
        while self._due and self._due[0][0] <= now:
            _, key = heapq.heappop(self._due)
            self._ready.pop(key, None)
            self._ready[key] = None
        while self._ready:
            key, _ = self._ready.popitem()
            if (pending := self._files.get(key)) is not None:
                return key, pending
        return None

    def wait(self, key: str, found: Waiting, now: float) -> None:
        """It may still be written: look again."""
        pending = self._files[key]
        if pending.look != found.look:
            # Seen to differ from last time; `closed` told of an earlier close.
            pending.closed = pending.closed and pending.look is None
            pending.look, pending.quiet_since, pending.recheck = found.look, now, FIRST_RECHECK
        due = now + pending.recheck
        if found.quiet_seconds is not None:  # not before it can be quiet enough, but look whether it changes
            due = min(max(due, pending.quiet_since + found.quiet_seconds), now + LAST_RECHECK)
        pending.recheck = min(pending.recheck * 2, LAST_RECHECK)
        heapq.heappush(self._due, (due, key))


class Recent:
    """Files that were just read, and how they looked: a folder that is moved in tells of each more than once."""

    def __init__(self, *, limit: int = RECENT_MOST, seconds: float = RECENT_SECONDS) -> None:
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
