"""Folders by descriptors: below one that is open, whatever is mounted over its path meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

_THROUGH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC  # which need not be readable
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def open_folder(base: str, folder: str) -> int:
    """A descriptor of a folder below another one, through real folders only; it can be gone through, not read.

    A camera's account may put a link in a folder's place at any moment: a path that was looked at says nothing of
    the file that is opened or removed by it. Raises FileNotFoundError, for what a link is on the way to as well,
    and OSError.
    """
    last = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folder.split("/") if folder else []:
            below = os.open(name, _THROUGH, dir_fd=last)
            os.close(last)
            last = below
    except OSError as reason:
        os.close(last)
        raise _not_there(reason, folder) from None
    return last


def open_file(base: str, path: str) -> int:
    """A read-only descriptor of what lies below a folder; waits for no pipe. Raises what `open_folder` does."""
    above, _, name = path.rpartition("/")
    folder = open_folder(base, above)
    try:
        return os.open(name, _READ, dir_fd=folder)
    except OSError as reason:
        raise _not_there(reason, path) from None
    finally:
        os.close(folder)


@contextlib.contextmanager
def held(base: str, path: str) -> Iterator[str]:
    """Another path of a file below a folder, for the time of a block: it stays in the folder that is there now.

    Raises what `open_folder` does.
    """
    above, _, name = path.rpartition("/")
    folder = open_folder(base, above)
    try:
        yield f"/proc/self/fd/{folder}/{name}"
    finally:
        os.close(folder)


def _not_there(reason: OSError, path: str) -> OSError:
    if reason.errno in {errno.ELOOP, errno.ENOTDIR}:
        return FileNotFoundError(errno.ENOENT, "no file without a link", path)
    return reason
