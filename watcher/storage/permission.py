"""Whether files may be made and removed in a folder now; where not, why not, in a sentence for people.

Asked before a byte is taken or a row is changed. The kernel has the last word (access lists, a server that trusts
nobody's root): what it says to the deed itself is told in the same sentences.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from watcher.model.errors import DiskFullError, FolderError, ReadOnlyError, WatcherError

INODES_LEAST = 16  # free ones: a clip that is sent takes up to six, with its folders, and its pictures some more
FEW_INODES = 0.05  # of all: from here on it is told
LOOK_SECONDS = 0.5  # for which folders are looked at that may be somebody else's
FULL = {errno.ENOSPC, errno.EDQUOT}


class Space(NamedTuple):
    """What is free on a disk for those who are not root."""

    free_bytes: int
    inodes: int | None  # for so many files more there is room; None where the file system has no such limit
    inodes_total: int = 0

    @property
    def has_inodes(self) -> bool:
        """Whether there is room for a few files more."""
        return self.inodes is None or self.inodes >= INODES_LEAST

    @property
    def few_inodes(self) -> str | None:
        """That files will run out before bytes do, in a sentence for people; None where they do not soon."""
        if self.inodes is None or self.inodes >= FEW_INODES * self.inodes_total:
            return None
        left = f"{self.inodes:,} files more (inodes) of {self.inodes_total:,}"
        return f"the disk has room for {left}, whatever their size"


def space(folder: Path) -> Space:
    """What is free on the disk of a folder. Raises OSError.

    Btrfs, and most file systems of a network, tell 0 inodes of 0: they make them as they need them.
    """
    space = os.statvfs(folder)
    inodes = space.f_favail if space.f_files else None
    return Space(space.f_bavail * space.f_frsize, inodes, space.f_files)


def check_space(folder: Path, size_bytes: int, *, keep_bytes: int) -> None:
    """Raise DiskFullError if a file of such a size would leave too little free; OSError if nobody can tell."""
    free = space(folder)
    if free.free_bytes - size_bytes < keep_bytes:
        raise DiskFullError(f"{free.free_bytes:,} bytes are free, and {keep_bytes:,} have to stay so")
    if not free.has_inodes:
        raise DiskFullError(f"the disk has room for {free.inodes} files more (inodes), whatever their size")


def check_folder(folder: str) -> None:
    """Raise ReadOnlyError or FolderError if a folder cannot be written, or cannot be made where it is to be."""
    place = _reached(folder)
    try:
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            raise _read_only(place)
    except OSError as reason:
        raise FolderError(f"the folder {place} cannot be looked at: {reason.strerror}") from reason
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise _foreign(place)


def unwritable(root: Path, *, depth: int = 2) -> Iterator[WatcherError]:
    """The folders below one that cannot be written, as errors; those of the cameras and of their days.

    Looks for half a second at most, first at the names that sort last: a camera's newest day is among them.
    """
    with contextlib.suppress(WatcherError):  # else all of them are alike, and that is told of the root
        check_folder(os.fspath(root))
        yield from _unwritable(root, depth)


def _unwritable(root: Path, depth: int) -> Iterator[WatcherError]:
    until = time.monotonic() + LOOK_SECONDS
    level = [os.fspath(root)]
    for _ in range(depth):
        below: list[str] = []
        for folder in level:
            if time.monotonic() > until:
                return
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                below += sorted(
                    (entry.path for entry in entries if entry.is_dir(follow_symlinks=False)), reverse=True
                )
        for folder in below:
            try:
                check_folder(folder)
            except WatcherError as reason:
                yield reason
        level = below


def check_removal(path: str) -> None:
    """Raise ReadOnlyError or FolderError if a file cannot be removed; one that is not there can be."""
    folder = os.path.dirname(path)  # noqa: PTH120 - a key's path is a string
    try:
        file, above = os.lstat(path), Path(folder).stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        raise _foreign(_reached(folder)) from None
    check_folder(folder)
    # In a folder like /tmp nobody removes what is another's (unlink(2), EPERM).
    if above.st_mode & stat.S_ISVTX and os.geteuid() not in {0, above.st_uid, file.st_uid}:
        raise FolderError(
            f"{path} belongs to {_user(file.st_uid)}, and only its owner removes it from a sticky folder: watcher "
            f"runs as {_user(os.geteuid())}"
        )


@contextlib.contextmanager
def explained(folder: str) -> Iterator[None]:
    """Say in our words what the kernel says to a deed. Raises DiskFullError, ReadOnlyError, FolderError."""
    try:
        yield
    except OSError as reason:
        if (sentence := error_of(reason, folder)) is None:
            raise
        raise sentence from reason


def error_of(reason: OSError, folder: str) -> WatcherError | None:
    """An error of the kernel in our words; None for one that tells nothing of the folder."""
    if reason.errno in FULL:
        with contextlib.suppress(OSError):
            if not space(Path(_reached(folder))).has_inodes:
                return DiskFullError("the disk has room for no file more (inodes), whatever its size")
        return DiskFullError("the disk is full")
    if reason.errno == errno.EROFS:
        return _read_only(folder)
    if reason.errno in {errno.EACCES, errno.EPERM}:
        return _foreign(_reached(folder))
    return None


def _read_only(folder: str) -> ReadOnlyError:
    return ReadOnlyError(f"the disk of {folder} is mounted read-only: the kernel's log may say why")


def _foreign(folder: str) -> FolderError:
    owner, mode = "nobody we may see", "?"
    with contextlib.suppress(OSError):
        status = Path(folder).stat()
        owner, mode = _user(status.st_uid), f"{stat.S_IMODE(status.st_mode):o}"
    readable = os.access(folder, os.R_OK | os.X_OK, effective_ids=True)
    return FolderError(
        f"the folder {folder} belongs to {owner} (mode {mode}), and watcher, which runs as {_user(os.geteuid())}, "
        f"may {'not' if readable else 'neither read it nor'} write into it: chown or chmod it"
    )


def _reached(folder: str) -> str:
    """The deepest folder on the way to one that is there; of those behind a closed one nobody knows."""
    while len(folder) > 1 and not os.path.isdir(folder):  # noqa: PTH112
        folder = os.path.dirname(folder)  # noqa: PTH120 - a key's path is a string
    return folder


def _user(uid: int) -> str:
    """A user for people: the name, where this machine knows one, and the number.

    >>> _user(0)
    'root (0)'
    """
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    return f"user {uid}"
