"""Bytes and names that survive a power cut, and copies that the kernel makes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

CHUNK = 1 << 20
_NO_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY}


def copy(source: int, start: int, length: int, target: int) -> None:
    """Copy a stretch of a file to the end of another one; by the kernel where it can."""
    done = 0
    while done < length:
        try:
            count = os.copy_file_range(source, target, min(length - done, 1 << 30), start + done)
        except OSError as reason:
            if reason.errno not in _NO_COPY:
                raise
            count = os.write(target, os.pread(source, min(length - done, CHUNK), start + done))
        if count == 0:
            raise OSError(errno.EIO, "the file is shorter than it was")
        done += count


def sync_folder(descriptor: int) -> None:
    """Have a folder's names on disk. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as reason:  # some network file systems cannot
        if reason.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise


def sync_file(path: Path, top: Path) -> None:
    """Have a file's bytes, and the names of it and of the folders up to one, on disk. Raises OSError."""
    _synced(path, os.O_NOFOLLOW | os.O_NONBLOCK)
    for folder in path.parents:
        _synced(folder, os.O_DIRECTORY)
        if folder == top:
            return


def _synced(path: Path, how: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | how)
    try:
        sync_folder(descriptor)
    finally:
        os.close(descriptor)
