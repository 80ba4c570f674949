"""What the ingester says of itself to the other processes: a small file, rewritten when it changes.

Its modification time is the heartbeat, by the clock of this machine: that of a file server may be another.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime
from pathlib import Path

import msgspec

log = logging.getLogger("watcher.ingester")

TELL_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 35.0  # three beats and some


class LabelsState(msgspec.Struct, frozen=True):
    """How far a model is with looking at clips."""

    done: int  # since the ingester's start
    waiting: int
    old: int  # of these, that were there before the model
    per_minute: float  # clips, of late; 0 while nobody knows
    warning: str | None  # why it does not look


class StoreCost(msgspec.Struct, frozen=True):
    """What the ingester has asked of a store since its start."""

    requests: dict[str, int]  # by method; none of a disk
    sent_bytes: int
    received_bytes: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The ingester's state."""

    pid: int
    watching: str  # native or poll
    settling: int  # files that are still being written
    scanning: bool
    last_scan_at: datetime | None
    scan_seconds: float | None = None  # of the last scan
    ingested: int = 0  # files that events led to, since its start
    ingest_seconds: float = 0.0  # for which these lay finished before they were listed, all together
    lost_events: int = 0  # how often the kernel dropped some
    problems: dict[str, str]  # stable code → a sentence for people
    warnings: dict[str, str] = {}  # the same of what does not stand in the way of work
    labels: LabelsState | None = None  # where a model looks at clips
    away: dict[str, str] = {}  # stores that cannot be asked, and why
    costs: dict[str, StoreCost] = {}  # of each store
    copies_bytes: int = 0  # of clips in buckets, on the local disk
    aside: list[str] = []  # keys of files that are set aside, the latest first


class Teller:
    """Writes the file: at once where a problem has come or gone, else once a second, where anything has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: Status | None = None
        self._next_tell = self._next_beat = 0.0

    def tell(self, current: Status, now: float) -> None:
        """Write the state, if it is time; `now` is monotonic, in seconds."""
        try:
            urgent = self._written is None or self._written.problems != current.problems
            if urgent or (current != self._written and now >= self._next_tell):
                self._next_tell = now + TELL_SECONDS
                write(self._path, current)
                self._written, self._next_beat = current, now + HEARTBEAT_SECONDS
            elif now >= self._next_beat:
                _beat(self._path)
                self._next_beat = now + HEARTBEAT_SECONDS
        except OSError as reason:
            log.warning("the status file cannot be written: %s", reason.strerror)
            self._written = None


def write(path: Path, status: Status) -> None:
    """Replace the file in one step. Raises OSError."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(msgspec.json.encode(status))
    _beat(temporary)
    temporary.replace(path)


def _beat(path: Path) -> None:
    now = time.time()
    os.utime(path, (now, now))


def read(path: Path) -> tuple[Status, float] | None:
    """The status and its age in seconds; None if there is none that can be read."""
    try:
        with path.open("rb") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            return msgspec.json.decode(file.read(), type=Status), age
    except (OSError, msgspec.DecodeError):
        return None
