"""A store that is a folder: another disk, or a share of a NAS.

It carries a marker, as the video root does: the folder below the mount point of a disk that is away has none, and
is not taken for an empty store. Everything is done by a descriptor of the folder whose marker was read, so that a
disk that is unmounted meanwhile takes it, or nothing does. No link is followed.

    .watcher-store     the marker: whose store this is
    .watcher-copies/   files that are being written; what a kill leaves there goes after a day
    <key>              an object
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from watcher.model.errors import MissingError, StoreAwayError, TakenError
from watcher.storage import durable
from watcher.storage.descent import Descent
from watcher.storage.folders import open_file, open_folder
from watcher.stores.costs import cost_of
from watcher.stores.store import Stored, segments

MARKER, COPIES = ".watcher-store", ".watcher-copies"
MODE = 0o640  # of objects: for us, and for nginx of the same group
LEFT_SECONDS = 86400.0  # after which nobody writes a copy any more
_CHUNK = 1 << 20  # bytes read or written at a time
_MARKER_MOST = 4096  # characters
_TEXT = "This folder is the store {} of watcher catalog {}\n"
_WHY = {
    errno.ENOSPC: "it is full",
    errno.EDQUOT: "its quota is used up",
    errno.EROFS: "it is mounted read-only",
    errno.EACCES: "its folder may not be written or read by this user",
    errno.EPERM: "its folder may not be written or read by this user",
    errno.EIO: "its disk has input/output errors",
}


class Disk:
    """A folder as a store."""

    def __init__(self, name: str, folder: str | Path, catalog_id: str | None) -> None:
        """`catalog_id` tells whose it has to be; None: of whoever's it is."""
        self.name = name
        self.folder = os.fspath(folder)
        self._catalog_id = catalog_id
        self._tidied, self._cost = False, cost_of(name)

    def bind(self, *, anew: bool = False) -> None:
        """Let a folder without a marker be this catalog's store. Raises StoreAwayError, also if it is another's."""
        with self._in_words(), self._opened() as root:
            marker = _marker(root)
            if (marker is not None and not anew) or self._catalog_id is None:
                self._check(marker)
                return
            aside = f"{MARKER}.{secrets.token_hex(8)}.tmp"
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640, dir_fd=root), "w") as file:
                file.write(_TEXT.format(self.name, self._catalog_id))
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, MARKER, src_dir_fd=root, dst_dir_fd=root)
            durable.sync_folder(root)

    def put(self, key: str, file: BinaryIO, size: int) -> Stored:
        """Take a file, with its time, so that it answers with the same ETag from here.

        1. it is written aside and synced, 2. it gets its name, where nothing has it, 3. the folders are synced. A
        crash before 2 leaves a copy without a key, one after 2 a whole object.
        """
        *folders, name = segments(key)
        with self._in_words(), self._root() as root:
            aside = self._written_aside(root, file, size)
            try:
                with Descent(os.dup(root)) as way:
                    way.to("/".join(folders))
                    try:
                        way.give(Path(aside), name)
                    except FileExistsError:
                        raise TakenError(f"the store {self.name} has something called {key}") from None
                    way.sync()
            finally:
                with contextlib.suppress(FileNotFoundError):  # it was renamed
                    Path(aside).unlink()
            stored = self._find(root, key)
        if stored is None or stored.size != size:
            raise StoreAwayError(f"the store {self.name} has not kept {key} as it was written")
        return stored

    def find(self, key: str) -> Stored | None:
        """What has a key: a regular file."""
        segments(key)
        with self._in_words(), self._root() as root:
            return self._find(root, key)

    def read(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """Bytes from a place on, a mebibyte at a time."""
        segments(key)
        with self._in_words(), self._root() as root:
            try:
                file = open_file(_path(root), key)
            except FileNotFoundError:
                raise MissingError(f"the store {self.name} has nothing called {key}") from None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise MissingError(f"what the store {self.name} calls {key} is no file")
            end = first + length
            while first < end:
                with self._in_words():
                    piece = os.pread(file, min(_CHUNK, end - first), first)
                if not piece:
                    return
                first += len(piece)
                self._cost.move(received=len(piece))
                yield piece
        finally:
            os.close(file)

    def delete(self, key: str) -> None:
        """Remove an object; its folder stays."""
        *folders, name = segments(key)
        with self._in_words(), self._root() as root, contextlib.suppress(FileNotFoundError):
            folder = open_folder(_path(root), "/".join(folders))
            try:
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(folder)

    def list(self, after: str = "") -> Iterator[Stored]:
        """Every object behind a key; holds one folder's names at each level. Hidden ones are none."""
        with self._in_words(), self._root() as root:
            yield from self._below(root, "", os.fsencode(after))

    def path(self, key: str) -> str | None:
        """Where an object lies, whether it is there or not."""
        segments(key)
        return f"{os.path.realpath(self.folder)}/{key}"

    def close(self) -> None:
        """Nothing is kept open."""

    def sign(self, key: str, seconds: int) -> str | None:  # noqa: ARG002 - nginx serves from the folder
        """Nothing: nginx reads the folder itself."""
        return None

    # — inside —

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what the system refuses in a sentence."""
        try:
            yield
        except OSError as reason:
            why = _WHY.get(reason.errno or 0, reason.strerror or str(reason))
            raise StoreAwayError(f"the store {self.name} ({self.folder}) cannot be used: {why}") from reason

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            root = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise StoreAwayError(f"the store {self.name} is away: there is no folder {self.folder}") from None
        try:
            yield root
        finally:
            os.close(root)

    @contextlib.contextmanager
    def _root(self) -> Iterator[int]:
        """A descriptor of the folder, if it is ours."""
        with self._opened() as root:
            self._check(_marker(root))
            yield root

    def _check(self, marker: tuple[str, str] | None) -> None:
        if marker is None:
            raise StoreAwayError(
                f"the store {self.name} is away: {self.folder} has no marker ({MARKER}): is its disk mounted? "
                "A new one gets it with the first clip"
            )
        if marker != (self.name, self._catalog_id or marker[1]):
            raise StoreAwayError(
                f"the store {self.name} is away: {self.folder} is the store {marker[0]} of catalog {marker[1]}"
            )

    def _written_aside(self, root: int, file: BinaryIO, size: int) -> str:
        """The path of a copy that has all bytes on disk, and the time of the file. Raises OSError."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(COPIES, 0o750, dir_fd=root)
        folder = os.open(COPIES, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
        try:
            self._tidy(folder)
            aside = f"{secrets.token_hex(8)}.tmp"
            copy = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE, dir_fd=folder)
            try:
                left = size
                while left and (piece := file.read(min(_CHUNK, left))):
                    left -= len(piece)
                    self._cost.move(sent=len(piece))
                    while piece:
                        piece = piece[os.write(copy, piece) :]
                if left:
                    raise OSError(errno.EIO, "the file is shorter than it was")
                with contextlib.suppress(OSError, AttributeError):  # what has no time of its own
                    os.utime(copy, ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
                os.fsync(copy)
                os.posix_fadvise(copy, 0, 0, os.POSIX_FADV_DONTNEED)  # what is read back comes from the disk
            except BaseException:
                os.unlink(aside, dir_fd=folder)
                raise
            finally:
                os.close(copy)
            # By the root's descriptor, which stays open until it has its name.
            return f"{_path(root)}/{COPIES}/{aside}"
        finally:
            os.close(folder)

    def _tidy(self, folder: int) -> None:
        """Remove what kills have left, once in a process."""
        if not self._tidied:
            self._tidied = True
            for name in os.listdir(folder):
                with contextlib.suppress(OSError):
                    if time.time() - os.lstat(name, dir_fd=folder).st_ctime > LEFT_SECONDS:
                        os.unlink(name, dir_fd=folder)

    def _find(self, root: int, key: str) -> Stored | None:
        folder, _, name = key.rpartition("/")
        try:
            above = open_folder(_path(root), folder)
        except FileNotFoundError:
            return None
        try:
            return _stored(key, os.lstat(name, dir_fd=above))
        except FileNotFoundError:
            return None
        finally:
            os.close(above)

    def _below(self, folder: int, prefix: str, after: bytes) -> Iterator[Stored]:
        """The objects of a folder that is open, and of those below it."""
        names: list[bytes] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                own = os.fsencode(entry.name) + (b"/" if is_folder else b"")  # a folder's keys begin so
                key = os.fsencode(prefix) + own
                behind = key > after or (is_folder and after.startswith(key))
                if behind and not own.startswith(b"."):
                    names.append(own)
        for raw in sorted(names):
            name = os.fsdecode(raw)
            if not raw.endswith(b"/"):
                with contextlib.suppress(FileNotFoundError):
                    if (stored := _stored(prefix + name, os.lstat(name, dir_fd=folder))) is not None:
                        yield stored
                continue
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(name[:-1], flags, dir_fd=folder)
                try:
                    yield from self._below(below, prefix + name, after)
                finally:
                    os.close(below)


def _path(folder: int) -> str:
    """A path by which a descriptor's folder is reached, whatever is mounted over its own."""
    return f"/proc/self/fd/{folder}"


def _stored(key: str, status: os.stat_result) -> Stored | None:
    """A file as an object, with the ETag by which nginx serves it; None for what is none."""
    if not stat.S_ISREG(status.st_mode):
        return None
    etag = f"{int(status.st_mtime):x}-{status.st_size:x}"
    return Stored(key, status.st_size, etag, status.st_mtime_ns)


def _marker(root: int) -> tuple[str, str] | None:
    """The store and the catalog that a folder's marker names; None without one that can be read."""
    try:
        descriptor = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            words = file.read(_MARKER_MOST).split()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return (words[-5], words[-1]) if len(words) >= len(_TEXT.split()) else None
