"""How a whole file gets a name in a folder, made if need be, that nothing has there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from pathlib import Path

from watcher.storage import durable

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
_NO_TMPFILE = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
_NO_SUCH_RENAME = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_HALF_COPY = ".watcher-copy-"
_LEFTOVER = re.compile(rf"(?:{re.escape(_HALF_COPY)}|\.watcher\.|\.selftest\.|\.writable\.)[0-9a-f]+\.tmp")
EMPTY_SECONDS = 60.0  # that an empty file is left alone: somebody may have just begun it
_REAL = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_leftover(key: str) -> bool:
    """Whether a file, by its name, is one of ours that a kill left: they are there for a moment only.

    What `Descent.give` writes before it has its own name; a marker before it has its own; the trial of events; that
    of a start, by earlier versions.
    """
    return _LEFTOVER.fullmatch(key.rpartition("/")[2]) is not None


def rename_new(source: Path | str, name: str, source_folder: int | None, folder: int) -> bool:
    """Rename as renameat2(2) does with RENAME_NOREPLACE; False where the file system or the C library cannot.

    Raises FileExistsError, and OSError.
    """
    import ctypes  # noqa: PLC0415 - memory that is needed only where there are no hard links

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    at_cwd, no_replace = -100, 1  # AT_FDCWD, RENAME_NOREPLACE (Linux)
    begin = at_cwd if source_folder is None else source_folder
    if call is None:
        return False
    if call(begin, os.fsencode(source), folder, os.fsencode(name), no_replace) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_SUCH_RENAME:
        return False
    raise OSError(code, os.strerror(code), name)


class Descent(contextlib.ExitStack):
    """The way from an open folder down to one below it, each made if need be; closes all, the first too."""

    def __init__(self, root: int) -> None:
        super().__init__()
        self.callback(os.close, root)
        self.last = root
        self._made_in: list[int] = []

    def to(self, folder: str) -> None:
        """Go down through real folders only. Raises NotADirectoryError for links and files, and OSError."""
        for name in folder.split("/") if folder else []:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.last)
                self._made_in.append(self.last)
            self.last = os.open(name, _REAL, dir_fd=self.last)
            self.callback(os.close, self.last)

    def give(self, source: Path, name: str) -> None:
        """Let a file be called so in the last one, if nothing is; no link is followed.

        Raises FileExistsError, and OSError.
        """
        try:
            os.link(source, name, dst_dir_fd=self.last, follow_symlinks=False)
        except OSError as reason:
            if reason.errno == errno.EXDEV:
                self._copy(source, name)
            elif reason.errno in _NO_LINKS:
                self._rename(source, name)
            else:
                raise

    def _rename(self, source: Path | str, name: str, source_folder: int | None = None) -> None:
        """Call a file so if nothing is called so, where there are no hard links.

        File systems that cannot do this at once (some of a network, and in user space) get an empty file first,
        and it is replaced. A crash between the two leaves it; it holds nothing, and whoever sends a minute later
        takes its place.
        """
        if rename_new(source, name, source_folder, self.last):
            return
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=self.last))
        except FileExistsError:
            there = os.stat(name, dir_fd=self.last, follow_symlinks=False)
            if not stat.S_ISREG(there.st_mode) or there.st_size or time.time() - there.st_mtime < EMPTY_SECONDS:
                raise
        os.replace(source, name, src_dir_fd=source_folder, dst_dir_fd=self.last)

    def _copy(self, source: Path, name: str) -> None:
        """Copy it from another disk, sync it, and name it then; a crash before leaves nothing that has a name.

        Where the file system knows no files without a name (network, user space), a hidden one stays behind, which
        a scan removes after a day (`is_leftover`).
        """
        with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as reading:
            mode, aside = stat.S_IMODE(os.fstat(reading.fileno()).st_mode), ""
            try:
                writing = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=self.last)
            except OSError as reason:
                if reason.errno not in _NO_TMPFILE:
                    raise
                aside = f"{_HALF_COPY}{secrets.token_hex(8)}.tmp"
                writing = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode, dir_fd=self.last)
            try:
                os.fchmod(writing, mode)
                durable.copy(reading.fileno(), 0, os.fstat(reading.fileno()).st_size, writing)
                os.fsync(writing)
                if aside:
                    self._rename(aside, name, self.last)
                    aside = ""
                else:
                    os.link(f"/proc/self/fd/{writing}", name, dst_dir_fd=self.last)
            finally:
                os.close(writing)
                if aside:
                    os.unlink(aside, dir_fd=self.last)

    def sync(self) -> None:
        """Have what was made in the last one on disk, and the names of those that are new. Raises OSError."""
        for descriptor in [self.last, *self._made_in]:
            durable.sync_folder(descriptor)
