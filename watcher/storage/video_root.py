"""The video root: key → path, look, open, walk, marker. The only module that names a path below it.

A key is the path below the root with forward slashes. Symbolic links are never followed, neither here nor by
nginx (`disable_symlinks`): a camera's account must not be able to publish what lies outside the tree.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from watcher.model.errors import WatcherError
from watcher.naming.ignore import KEY_LIMIT, Ignoring, unusable
from watcher.storage import durable, marker
from watcher.storage.descent import Descent
from watcher.storage.folders import held, open_file
from watcher.storage.look import Look, look_of
from watcher.storage.permission import check_folder, check_removal, check_space, explained, space

CLIP_MODE = 0o640  # of files that were sent: for us, and for a group of tools


class Blind(NamedTuple):
    """A folder that cannot be read: nothing is known of the files whose keys begin with `prefix`."""

    prefix: str
    reason: str


Report = Callable[[str, str], None]  # (key or folder, why it is passed over)


def _unreported(_key: str, _reason: str) -> None:
    pass


class VideoRoot:
    """The folder that cameras write into and nginx serves from."""

    def __init__(
        self,
        folder: Path,
        ignoring: Ignoring,
        catalog_id: Callable[[], str | None] = lambda: None,
        *,
        inodes: bool = True,
    ) -> None:
        """`catalog_id` tells whose root this has to be, None while that is open; `inodes`, whether they last."""
        self.folder = folder.resolve()  # a link to another disk is followed once, here
        self.ignoring = ignoring
        self._catalog_id = catalog_id
        self._owner: str | None = None  # what it told
        self._inodes = -1 if inodes else 0  # a mask
        self._base = os.fspath(self.folder)
        # Breaking a lease (see `writer`) sends this signal to the holder; the default action would end us.
        with contextlib.suppress(ValueError):  # not in the main thread: a web worker, which takes no leases
            signal.signal(signal.SIGIO, signal.SIG_IGN)

    # — one file —

    def path(self, key: str) -> str:
        """The path of a key. Raises ValueError for a key that would leave the root."""
        if key.startswith("/") or "\0" in key or any(part in {"", ".", ".."} for part in key.split("/")):
            raise ValueError(f"not a key: {key!r}")
        return f"{self._base}/{key}"

    def key_of(self, path: str) -> str | None:
        """The key of a path that an event named; None for the root itself and for what lies outside."""
        return path[len(self._base) + 1 :] or None if path.startswith(self._base + "/") else None

    def look(self, key: str) -> Look | None:
        """How a file looks now; None if there is no regular file of that name.

        Raises OSError where the answer cannot be had (permission, input/output): that is not absence.
        """
        try:
            status = os.lstat(self.path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as reason:
            if reason.errno == errno.ENAMETOOLONG:
                return None
            raise
        if not stat.S_ISREG(status.st_mode):
            return None
        return look_of(key, status, self._inodes)

    def open(self, key: str) -> int:
        """A read-only descriptor that the caller closes; what `folders.open_file` says. Raises OSError."""
        self.path(key)
        return open_file(self._base, key)

    def check_writable(self, folder: str = "", *, size_bytes: int = 0, keep_bytes: int = 0) -> None:
        """Raise why no file of such a size may be written below a folder now, in a sentence for people.

        Raises RootAwayError, ReadOnlyError, FolderError, DiskFullError.
        """
        self.check_mounted()
        with explained(self._base):
            check_space(self.folder, size_bytes, keep_bytes=keep_bytes)
        check_folder(self.path(folder) if folder else self._base)

    def check_removable(self, key: str) -> None:
        """Raise why the file of a key cannot be removed now: RootAwayError, ReadOnlyError, FolderError."""
        self.check_mounted()
        check_removal(self.path(key))

    def check_mounted(self) -> None:
        """Raise RootAwayError if this is not the root of our catalog now."""
        os.close(self._open())

    def _open(self) -> int:
        self._owner = self._owner or self._catalog_id()
        return marker.open_root(self._base, self._owner)

    def commit(self, source: Path, key: str) -> None:
        """Give a whole file its key, where there is none yet.

        1. its bytes are synced, 2. it gets its name, 3. the folders are synced. A crash before 2 leaves it in the
        spool, one after 2 a whole file that the next scan adopts. It never takes another file's place. A disk that
        is unmounted meanwhile takes it, or nothing does: never what is below its mount point. From another disk it
        is copied, and named when its bytes are synced.

        Raises FileExistsError, NotADirectoryError, what `check_writable` raises, and OSError.
        """
        if self.ignoring.prefix(key.rpartition("/")[0]):
            raise NotADirectoryError(errno.ENOTDIR, "a folder on the way is ignored", key)
        self.check_mounted()
        with explained(self.path(key).rpartition("/")[0]), source.open("rb") as file:
            os.fchmod(file.fileno(), CLIP_MODE)
            os.fsync(file.fileno())
        self.give(source, key)

    def give(self, source: Path, key: str) -> None:
        """Let a file of ours have a key, where nothing has it; what `commit` says of the disk holds here too.

        Its own name may stay: who calls removes it. Raises FileExistsError, NotADirectoryError, what
        `check_writable` raises, and OSError.
        """
        folder, _, name = key.rpartition("/")
        with explained(self.path(key).rpartition("/")[0]), Descent(self._open()) as way:
            way.to(folder)
            way.give(source, name)
            way.sync()

    def same_bytes(self, source: Path, key: str) -> bool:
        """Whether a file has the bytes of another one, all of them."""
        try:
            return filecmp.cmp(source, self.path(key), shallow=False)
        finally:
            filecmp.clear_cache()

    def sha256(self, key: str) -> str:
        """The SHA-256 of a file, in hex; reads all of it."""
        with os.fdopen(self.open(key), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def sync(self, key: str) -> None:
        """Have a file's bytes and its name on disk when this returns. Raises OSError."""
        durable.sync_file(Path(self.path(key)), self.folder)

    def free_bytes(self) -> int:
        """What is free on the disk for those who are not root. Raises OSError."""
        return space(self.folder).free_bytes

    def has_room(self, bytes_wanted: int) -> bool:
        """Whether so much is free, and some inodes; not while the disk cannot be asked, or is away."""
        try:
            self.check_mounted()
            check_space(self.folder, 0, keep_bytes=bytes_wanted)
        except (OSError, WatcherError):
            return False
        return True

    def remove(self, key: str) -> None:
        """Remove a file, of which somebody said that it may go. Raises OSError."""
        with contextlib.suppress(FileNotFoundError), held(self._base, key) as path:
            Path(path).unlink()

    def drop_leftover(self, key: str, *, older_than: float) -> None:
        """Remove what a crash left of ours, if nothing was written into it since (seconds since 1970)."""
        with contextlib.suppress(OSError):
            if os.lstat(self.path(key)).st_mtime < older_than:
                self.remove(key)

    # — the tree —

    def walk(self, prefix: str = "", report: Report = _unreported) -> Iterator[Look | Blind]:
        """Every clip file whose key begins with `prefix` (a folder with its slash), in the byte order of keys.

        Holds one folder's names in memory at a time for each level, whatever the number of files. What is
        passed over by name is told to `report`; a folder that cannot be read comes out as Blind, in its place.
        """
        if not self._is_below(prefix):
            return
        inodes = self._inodes
        stack: list[Iterator[tuple[str, os.DirEntry[str] | None]]] = [iter([(prefix, None)])]
        while stack:
            for name, entry in stack[-1]:  # goes on where it was left for a folder
                if entry is not None:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    except OSError as reason:
                        yield Blind(name, reason.strerror or "unreadable")
                        continue
                    yield look_of(name, status, inodes)
                    continue
                try:
                    stack.append(iter(self._level(name, report)))
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError as reason:
                    report(name, f"cannot be read: {reason.strerror}")
                    yield Blind(name, reason.strerror or "unreadable")
                    continue
                break
            else:
                stack.pop()

    def _level(self, prefix: str, report: Report) -> list[tuple[str, os.DirEntry[str] | None]]:
        """What is to be looked at in a folder, in the order of keys: files with their entry, folders without."""
        accepts, plain = self.ignoring.accepts, prefix.isascii() and len(prefix) < KEY_LIMIT - 300
        level: list[tuple[str, os.DirEntry[str] | None]] = []
        with os.scandir(f"{self._base}/{prefix}") as listing:
            for child in listing:
                name = child.name
                if child.is_file(follow_symlinks=False):
                    if plain and prefix and accepts(name) and name.isascii():
                        level.append((prefix + name, child))  # nearly all of them
                        continue
                    key = prefix + name
                    why = self.ignoring.file(key)
                elif child.is_dir(follow_symlinks=False):
                    key, why = f"{prefix}{name}/", self.ignoring.folder(name)
                else:
                    key, why = prefix + name, "a symbolic link" if child.is_symlink() else "not a regular file"
                why = why or unusable(key)
                if why is not None:
                    report(key, why)
                else:
                    level.append((key, None if key.endswith("/") else child))
        # A folder's keys all begin with its name and a slash, so that is what it is sorted by.
        level.sort(key=_first)
        return level

    def _is_below(self, prefix: str) -> bool:
        """Whether a folder is reached through real folders only, none of them ignored."""
        if self.ignoring.prefix(prefix.rstrip("/")):
            return False
        path = self._base
        for name in prefix.split("/")[:-1]:
            path = f"{path}/{name}"
            with contextlib.suppress(OSError):  # not there, or not to be read: the walk finds out
                if stat.S_ISLNK(os.lstat(path).st_mode):
                    return False
        return True

    # — the marker —

    def marker(self) -> str | None:
        """The id of the catalog that this root belongs to; None without a marker (an unmounted disk, say)."""
        return marker.read(self._base)

    def marker_problem(self, catalog_id: str) -> str | None:
        """What is wrong with the marker, in a sentence for people; None if it is this catalog's."""
        marker = self.marker()
        if marker == catalog_id:
            return None
        if marker is None:
            return (
                f"the video root {self.folder} has no marker: is its disk mounted? No clip is marked missing until "
                "the marker is back; if this is the right folder, run: watcher scan --accept-root"
            )
        return (
            f"the video root {self.folder} belongs to another catalog ({marker}): no clip is marked missing; "
            "if this is the right folder, run: watcher scan --accept-root"
        )

    def write_marker(self, catalog_id: str) -> None:
        """Make this the root of that catalog. Raises StartError."""
        marker.write(self.folder, catalog_id)


def _first(pair: tuple[str, object]) -> str:
    return pair[0]
