"""How a file seems without being opened."""

from __future__ import annotations

import os
from typing import NamedTuple

from watcher.model.clip import Fingerprint

SIZE_MOST = (1 << 53) - 1  # bytes; only a sparse file of nothing is larger, and sums of sizes have to fit as well
TIME_MOST_NS = (1 << 63) - 1  # what both engines store: from 1677 to 2262


class Look(NamedTuple):
    """A regular file below the root, seen without opening it."""

    key: str
    size_bytes: int
    mtime_ns: int
    inode: int  # 0 where the file system numbers files anew now and then

    @property
    def fingerprint(self) -> Fingerprint:
        """The part of it that tells one content from another."""
        return Fingerprint(self.size_bytes, self.mtime_ns)


def look_of(key: str, status: os.stat_result, inodes: int = -1) -> Look:
    """How a file seems by its status; the one place where size and time are bounded to what every column holds.

    So a file of the year 2400 is one of 2262 for the catalog, for each scan, and for whoever retires it.
    `inodes` is a mask, 0 where they do not last.
    """
    return Look(key, min(status.st_size, SIZE_MOST), bounded(status.st_mtime_ns), status.st_ino & inodes)


def bounded(time_ns: int) -> int:
    """A file's time within what every column holds."""
    return max(-TIME_MOST_NS, min(time_ns, TIME_MOST_NS))
