"""Folders by descriptors: below one that is open, whatever is mounted over its path meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from watcher.storage import durable

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
_NO_TMPFILE = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
_REAL = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
        """Let a file be called so in the last one, if nothing is. Raises FileExistsError, and OSError."""
        try:
            os.link(source, name, dst_dir_fd=self.last)
        except OSError as reason:
            if reason.errno == errno.EXDEV:
                self._copy(source, name)
            elif reason.errno in _NO_LINKS:
                self._replace(source, name)
            else:
                raise

    def _replace(self, source: Path | str, name: str, source_folder: int | None = None) -> None:
        new = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=self.last)
        os.close(new)  # only our own is replaced
        os.replace(source, name, src_dir_fd=source_folder, dst_dir_fd=self.last)

    def _copy(self, source: Path, name: str) -> None:
        """Copy it from another disk, sync it, and name it then; a crash before leaves nothing that has a name.

        Where the file system knows no files without a name (network, user space), a hidden one stays behind.
        """
        with source.open("rb") as reading:
            mode, aside = stat.S_IMODE(os.fstat(reading.fileno()).st_mode), ""
            try:
                writing = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=self.last)
            except OSError as reason:
                if reason.errno not in _NO_TMPFILE:
                    raise
                aside = f".{secrets.token_hex(8)}.tmp"
                writing = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode, dir_fd=self.last)
            try:
                os.fchmod(writing, mode)
                durable.copy(reading.fileno(), 0, os.fstat(reading.fileno()).st_size, writing)
                os.fsync(writing)
                if aside:
                    self._replace(aside, name, self.last)
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
