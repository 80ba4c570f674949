"""Folders by descriptors: below one that is open, whatever is mounted over its path meanwhile."""

from __future__ import annotations

import contextlib
import os

from watcher import durable

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

    def sync(self) -> None:
        """Have what was made in the last one on disk, and the names of those that are new. Raises OSError."""
        for descriptor in [self.last, *self._made_in]:
            durable.sync_folder(descriptor)
