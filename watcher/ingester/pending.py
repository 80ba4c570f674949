"""Files that events told of and that are not read yet: when to look at each, and in which order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from watcher.ingest.ingest import Waiting
from watcher.model.clip import Fingerprint
from watcher.model.clock import Clock
from watcher.storage.look import Look

FIRST_RECHECK, LAST_RECHECK = 0.02, 1.0  # seconds between looks at a file that is being written
RECENT_MOST = 10_000  # files; the eldest are forgotten, which costs no more than reading them again
RECENT_SECONDS = 10.0  # after which an event is believed to be about something new
FEW = 20  # files of a folder that wait: of more it is asked when they were recorded


@dataclass(slots=True)
class Pending:
    """A file that has not settled yet."""

    quiet_since: float  # monotonic: since when it looks as it does
    look: Look | None = None  # how it looked then
    closed: bool = False
    recheck: float = FIRST_RECHECK

    @property
    def seen(self) -> tuple[Look, float] | None:
        """How the file looked at the last look, and since when."""
        return None if self.look is None else (self.look, self.quiet_since)


class Turns:
    """Keys that wait to be read: the root's folders take turns, and in each the latest recording comes first.

    So a live clip waits neither for a collection that is copied in beside it, nor for one that is copied into its
    own camera's folder, though more of that come than can be read.
    """

    def __init__(self, moment: Callable[[str], float]) -> None:
        """`moment` tells when a key was recorded, in seconds since 1970."""
        self._moment = moment
        self._folders: dict[str, list[tuple[float, int, str]]] = {}  # heaps: −moment, −number, key
        self._numbers: dict[str, int] = {}  # of each key's last entry; older ones are passed over
        self._number = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, key: str) -> bool:
        return key in self._numbers

    def add(self, key: str, now: float) -> None:
        """Let a key wait; `now` is in seconds since 1970, and what claims to be later is not."""
        self._number += 1
        self._numbers[key] = self._number
        folder, slash, _ = key.partition("/")
        waiting = self._folders.setdefault(folder if slash else "", [])
        moment = now if len(waiting) < FEW else min(now, self._moment(key))
        heapq.heappush(waiting, (-moment, -self._number, key))

    def take(self) -> str | None:
        """The key whose turn it is."""
        while self._folders:
            folder = next(iter(self._folders))
            waiting = self._folders.pop(folder)
            _, number, key = heapq.heappop(waiting)
            if waiting:
                self._folders[folder] = waiting  # behind the others
            if self._numbers.get(key) == -number:
                del self._numbers[key]
                return key
        return None


class PendingFiles:
    """All files that wait, by key; times are monotonic, in seconds."""

    def __init__(self, moment: Callable[[str], float], clock: Clock) -> None:
        """`moment` tells when a file was recorded, in seconds since 1970."""
        self._clock = clock
        self._files: dict[str, Pending] = {}
        self._due: list[tuple[float, str]] = []  # a heap; entries of keys that settled are passed over
        self._ready = Turns(moment)  # whose time has come

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, key: str) -> bool:
        return key in self._files

    def get(self, key: str) -> Pending | None:
        """What is known of a file; None if it was read, or is gone."""
        return self._files.get(key)

    def add(self, key: str, now: float, *, closed: bool = False) -> None:
        """Note that something happened to a file, perhaps its close: it is looked at now."""
        pending = self._files.get(key)
        if pending is None:
            pending = self._files[key] = Pending(quiet_since=now)
        pending.closed = closed or pending.closed
        pending.recheck = FIRST_RECHECK
        heapq.heappush(self._due, (now, key))

    def remove(self, key: str) -> None:
        """Forget a file, which was read or is gone."""
        self._files.pop(key, None)

    def next_at(self) -> float | None:
        """When there is something to look at: 0 for at once, None for nothing."""
        if self._ready:
            return 0.0
        return self._due[0][0] if self._due else None

    def take(self, now: float) -> tuple[str, Pending] | None:
        """The next file to look at."""
        while self._due and self._due[0][0] <= now:
            _, key = heapq.heappop(self._due)
            if key in self._files:
                self._ready.add(key, self._clock.now().timestamp())
        while (ready := self._ready.take()) is not None:
            if (pending := self._files.get(ready)) is not None:
                return ready, pending
        return None

    def wait(self, key: str, waiting: Waiting, now: float) -> None:
        """Look at a file again later, since it may still be written."""
        pending = self._files[key]
        if pending.look != waiting.look:
            # Seen to differ from last time; `closed` told of an earlier close.
            pending.closed = pending.closed and pending.look is None
            pending.look, pending.quiet_since, pending.recheck = waiting.look, now, FIRST_RECHECK
        due = now + pending.recheck
        if waiting.quiet_seconds is not None:  # not before it can be quiet enough, but look whether it changes
            due = min(max(due, pending.quiet_since + waiting.quiet_seconds), now + LAST_RECHECK)
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
        """Forget files of which the catalog no longer says what was read."""
        for key in keys:
            self._files.pop(key, None)

    def clear(self) -> None:
        """Forget all files."""
        self._files.clear()

    def has(self, key: str, look: Callable[[], tuple[Fingerprint, int] | None], *, now: float) -> bool:
        """Whether a file was just read and looks as it did then; it is looked at only if it was read."""
        seen = self._files.get(key)
        return seen is not None and now - seen[2] < self._seconds and look() == seen[:2]
