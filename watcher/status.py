"""What the ingester says of itself to the other processes: a small file, rewritten when it changes.

Its modification time is the heartbeat.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import msgspec

HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 35.0  # three beats and some


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The ingester's state."""

    pid: int
    watching: str  # native or poll
    settling: int  # files that are still being written
    scanning: bool
    last_scan_at: datetime | None
    scan_seconds: float | None = None  # of the last scan
    problems: dict[str, str]  # stable code → a sentence for people


def write(path: Path, status: Status) -> None:
    """Replace the file in one step."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(msgspec.json.encode(status))
    temporary.replace(path)


def beat(path: Path) -> None:
    """Say that the ingester lives."""
    os.utime(path)


def read(path: Path) -> tuple[Status, float] | None:
    """The status and its age in seconds; None if there is none that can be read."""
    try:
        with path.open("rb") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            return msgspec.json.decode(file.read(), type=Status), age
    except (OSError, msgspec.DecodeError):
        return None
