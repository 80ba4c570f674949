"""The bin: files of retired clips that can still be had back, in a hidden folder of the video root.

It lies there, and not elsewhere, so that a file goes into it by a change of its name, whatever its size, and so
that it is away when the disk with the clips is. Neither scans nor nginx look into hidden folders.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from watcher.storage.folders import held

FOLDER = ".watcher.bin"


class Binned(NamedTuple):
    """A file in the bin."""

    at: datetime  # when it was put there
    clip_id: int
    name: str
    size_bytes: int


def name_of(clip_id: int, digest: str) -> str:
    """What a retired clip's file is called in the bin.

    >>> name_of(17, "0123456789abcdef0123")
    '17-0123456789abcdef'
    """
    return f"{clip_id}-{digest[:16]}"


class Bin:
    """The hidden folder."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self.folder = str(root / FOLDER)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[Path]:
        """A path of a file in it for the time of a block; through no link, which a camera's account may leave.

        Raises FileNotFoundError where there is no such folder, and OSError.
        """
        with held(self._root, f"{FOLDER}/{name}") as path:
            yield Path(path)

    def put(self, path: str, name: str) -> bool:
        """Take a file in; False where it lies on another disk, and cannot be. Raises OSError."""
        Path(self.folder).mkdir(mode=0o750, exist_ok=True)
        try:
            with self.held(name) as target:
                with contextlib.suppress(OSError):
                    if target.samefile(path):  # rename(2) would leave both, of one file with two names
                        target.unlink()
                Path(path).replace(target)
        except OSError as reason:
            if reason.errno == errno.EXDEV:
                return False
            if Path(self.folder).is_symlink():
                raise NotADirectoryError(errno.ENOTDIR, "the bin is a link", self.folder) from None
            raise
        return True

    def has(self, name: str) -> bool:
        """Whether a file is in it."""
        with contextlib.suppress(OSError), self.held(name) as path:
            return stat.S_ISREG(path.lstat().st_mode)
        return False

    def remove(self, name: str) -> None:
        """Remove a file for good. Raises OSError."""
        with contextlib.suppress(FileNotFoundError), self.held(name) as path:
            path.unlink()

    def files(self) -> list[Binned]:
        """What is in it, the eldest first. A file is there since its name was changed, as its inode tells."""
        binned = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self.held("") as folder:
            for entry in os.scandir(folder):
                clip_id = entry.name.partition("-")[0]
                with contextlib.suppress(FileNotFoundError):
                    look = entry.stat(follow_symlinks=False)
                    if clip_id.isascii() and clip_id.isdigit() and entry.is_file(follow_symlinks=False):
                        at = datetime.fromtimestamp(look.st_ctime, UTC)
                        binned.append(Binned(at, int(clip_id), entry.name, look.st_size))
        return sorted(binned)
