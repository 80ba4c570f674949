"""The files that a worker reads and writes, opened by the process that never looks into them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from watcher.storage.folders import open_file

FULL_BYTES = 16 << 20  # of room: less is what a write fails for


def open_source(path: str) -> IO[bytes] | OSError:
    """A clip's file, and no other kind of file; never waits for a pipe."""
    try:
        descriptor = open_file("/", path.lstrip("/"))
    except OSError as reason:
        return reason
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return OSError(errno.EINVAL, "it is no file")
    return os.fdopen(descriptor, "rb", buffering=0)


def beside(target: Path) -> Path:
    """Where a file is written before it gets its name."""
    return target.with_name(f"{target.name}.{os.getpid()}.tmp")


def is_full(file: IO[bytes]) -> bool:
    """Whether the disk of an open file has no room."""
    disk = os.fstatvfs(file.fileno())
    return disk.f_bavail * disk.f_frsize < FULL_BYTES
