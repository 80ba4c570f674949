"""The marker: a small file in the video root that names the catalog which the root belongs to.

An empty folder without it is a mount point whose disk is away.
"""

from __future__ import annotations

import os
from pathlib import Path

from watcher.model.errors import RootAwayError, StartError

NAME = ".watcher"
_MOST = 4096  # characters
_TEXT = "This folder is the video root of watcher catalog {}\n"


def read(root: int | str) -> str | None:
    """The catalog's id, of a root's path or descriptor; None without a marker that can be read."""
    try:
        descriptor = root if isinstance(root, int) else os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(NAME, flags, dir_fd=descriptor), encoding="utf-8") as file:
            words = file.read(_MOST).split()
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        if descriptor != root:
            os.close(descriptor)
    return words[-1] if words else None


def write(root: Path, catalog_id: str) -> None:
    """Let a folder belong to a catalog; by rename, so that a crash leaves the old marker or the new one."""
    temporary = root / f"{NAME}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(_TEXT.format(catalog_id))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(root / NAME)
    except OSError as reason:
        raise StartError(f"cannot write the marker into {root}: {reason.strerror}") from reason


def open_root(root: str, catalog_id: str | None) -> int:
    """A descriptor of a catalog's own root: what is done by it is done on the right disk, or not at all.

    Nothing is looked for while the catalog has no id. Raises RootAwayError.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as reason:
        raise RootAwayError(f"the video root {root} cannot be opened: {reason.strerror}") from reason
    marker = read(descriptor)
    if catalog_id is None or marker == catalog_id:
        return descriptor
    os.close(descriptor)
    what = "has no marker: is its disk mounted?" if marker is None else "belongs to another catalog."
    raise RootAwayError(f"the video root {root} {what} Nothing is written or removed there until its own is back.")
