"""How bytes are read when clips move: no faster than they may be, and hashed."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import PurePosixPath
from typing import BinaryIO

from watcher.catalog.stored import Lying
from watcher.model.errors import NotNowError
from watcher.stores.store import Store

CHUNK = 1 << 20  # bytes
_NUMBERED = re.compile(r"~([0-9]{1,18})((?:\.[^./]*)?)\Z")


class OtherError(Exception):
    """A file or an object is not, or no longer, what its row says."""


class Pace:
    """How fast bytes may be read, and until when."""

    def __init__(self, stopped: threading.Event, bytes_per_second: int) -> None:
        """`bytes_per_second` 0 is without limit."""
        self.stopped = stopped
        self._rate = bytes_per_second

    def took(self, count: int) -> None:
        """Wait for as long as so many bytes take. Raises NotNowError when it is time to end."""
        if self.stopped.is_set() or (self._rate and self.stopped.wait(count / self._rate)):
            raise NotNowError

    def hash_of(self, fd: int) -> str:
        """The SHA-256 of an open file, from its beginning, in hex."""
        digest, at = hashlib.sha256(), 0
        while piece := os.pread(fd, CHUNK, at):
            digest.update(piece)
            at += len(piece)
            self.took(len(piece))
        return digest.hexdigest()

    def hash_in(self, store: Store, key: str) -> str:
        """The SHA-256 of what a store gives back, all of it. Raises MissingError, StoreAwayError."""
        digest = hashlib.sha256()
        for piece in store.read(key, 0, 1 << 60):
            digest.update(piece)
            self.took(len(piece))
        return digest.hexdigest()


class Paced:
    """A file that is read at a pace, and hashed as it is: the first time, where it is read more than once."""

    def __init__(self, file: BinaryIO, pace: Pace) -> None:
        self._file, self._pace = file, pace
        self.hash, self._hashed = hashlib.sha256(), 0

    def fileno(self) -> int:
        """Its descriptor: whoever copies it takes its time from there."""
        return self._file.fileno()

    def seek(self, place: int) -> int:
        """Go on from another place."""
        return self._file.seek(place)

    def read(self, size: int = -1) -> bytes:
        """Some bytes. Raises NotNowError when it is time to end."""
        at = self._file.tell()
        piece = self._file.read(size)
        if at == self._hashed:
            self.hash.update(piece)
            self._hashed += len(piece)
        self._pace.took(len(piece))
        return piece


def number_of(key: str) -> int | None:
    """The number of the clip that an object may be of, by the second of its `keys_for`.

    >>> number_of("porch/070000~17.mp4"), number_of("porch/070000.mp4")
    (17, None)
    """
    return int(match[1]) if (match := _NUMBERED.search(key)) else None


def without_number(key: str) -> str:
    """What a key was before a clip's number was put behind it.

    >>> without_number("porch/070000~17.mp4")
    'porch/070000.mp4'
    """
    return _NUMBERED.sub(r"\2", key)


def keys_for(clip: Lying) -> list[str]:
    """Under which keys a clip may lie in a store: its own, and one with its number, where that is taken.

    What no line of a header can hold is not part of them.
    """
    key = "".join(c if c.isprintable() else "_" for c in clip.key)
    path = PurePosixPath(key)
    other = str(path.with_name(f"{path.stem}~{clip.id}{path.suffix}"))
    return [key, other] if key == clip.key else [other]
