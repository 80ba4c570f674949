"""The ledger: what is on its way into the spool by any door, so that budgets and the disk hold for all together.

One small file, which every process that takes something in reads and writes under its lock (workers of uWSGI, the
FTP door, several nodes). Nothing of it has to be right after a power cut: what is on its way through a connection
is gone then, and what lies in the spool is found there (`rebuild`).

An entry lives as long as what it is about: a file of the spool by its name; a body that nginx writes, whose file
nobody knows the name of, until its request ends. Of requests that died nobody tells us: they are as many as there
are older bodies than nginx waits for one, beyond the files that it wrote to lately.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from watcher.storage.shared_file import SharedFile

FILE = "uploads.json"  # in the folder of what runs
MAKING_SECONDS = 10.0  # within which a file is made that was promised
BEGUN_SECONDS, LIVELY_SECONDS = 2.0, 5.0  # before a body has its file, and in which one that comes is written to
BODY_SECONDS = 150.0  # nginx gives up after 120 s without a byte (client_body_timeout in upload.conf)


class Entry(msgspec.Struct, array_like=True):
    """An upload, or a file by FTP, that is on its way."""

    id: str
    owner: str  # whose: a key, or an address
    camera: str  # "" while that is not known, or where its bytes count elsewhere
    size: int  # bytes that it may come to
    at: float  # seconds since 1970
    path: str = ""  # below the spool; "" for a body that nginx writes

    @property
    def is_body(self) -> bool:
        """Whether nginx writes it."""
        return not self.path


class Book:
    """The ledger as it is while its lock is held."""

    def __init__(self, spool: Path, entries: list[Entry], now: float) -> None:
        self._spool = spool
        self._here: dict[str, int] = {}  # how many bytes of entries with a path are here
        self._now = now
        self._bodies_here, fresh, self._lively = _bodies(spool, now)
        self.entries = [entry for entry in entries if self._lives(entry, now)]
        old = [entry for entry in self.entries if entry.is_body and entry.at < now - BODY_SECONDS]
        for entry in sorted(old, key=lambda entry: entry.size)[: max(0, len(old) - fresh)]:
            self.entries.remove(entry)

    def _lives(self, entry: Entry, now: float) -> bool:
        if entry.is_body:
            return True
        try:
            self._here[entry.id] = (self._spool / entry.path).stat().st_size
        except OSError:
            return entry.at > now - MAKING_SECONDS
        return True

    def promised(self, camera: str) -> int:
        """Bytes that a camera may send by what it has begun."""
        return sum(entry.size for entry in self.entries if entry.camera == camera)

    def total(self) -> int:
        """Bytes that all may send by what they have begun, whether they are here or not."""
        return sum(entry.size for entry in self.entries)

    def to_come(self) -> int:
        """Bytes of those that are not here yet."""
        bodies = sum(entry.size for entry in self.entries if entry.is_body)
        parts = sum(max(0, entry.size - self._here.get(entry.id, 0)) for entry in self.entries if entry.path)
        return max(0, bodies - self._bodies_here) + parts

    def count(self, owner: str, *, bodies: bool) -> int:
        """How many bodies, or files of the spool, somebody has on the way.

        Of bodies no more than can be coming: a network that breaks off again and again must not use up the number
        of its owner by requests that are dead, though their bytes stay promised.
        """
        mine = [entry for entry in self.entries if entry.owner == owner and entry.is_body is bodies]
        if not bodies:
            return len(mine)
        begun = sum(entry.at > self._now - BEGUN_SECONDS for entry in mine)
        return begun + min(len(mine) - begun, self._lively)

    def put(self, entry: Entry) -> None:
        """Note an entry, in place of the one under its id."""
        self.drop(entry.id)
        self.entries.append(entry)

    def drop(self, entry_id: str) -> None:
        """Forget an entry."""
        self.entries = [entry for entry in self.entries if entry.id != entry_id]

    def find(self, entry_id: str) -> Entry | None:
        """The entry under an id."""
        return next((entry for entry in self.entries if entry.id == entry_id), None)


class Ledger:
    """The file."""

    def __init__(self, spool: Path, run: Path, rebuild: Callable[[], list[Entry]]) -> None:
        """`rebuild` tells what lies in the spool, where the file was lost."""
        self._spool = spool
        self._file = SharedFile(run / FILE, list[Entry], rebuild)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Book]:
        """The ledger for the time of a block, in which nobody else has it.

        Raises OSError where it cannot be written: a full disk takes no more entries.
        """
        with self._file.held() as held:
            book = Book(self._spool, held.value, time.time())
            yield book
            held.value = book.entries


def _bodies(spool: Path, now: float) -> tuple[int, int, int]:
    """Of the bodies that nginx writes: bytes, how many, how many just now; not those that a crash left."""
    size = count = lively = 0
    with os.scandir(spool) as entries:
        for entry in entries:
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    look = entry.stat(follow_symlinks=False)
                    if look.st_mtime > now - BODY_SECONDS:
                        size, count = size + look.st_size, count + 1
                        lively += look.st_mtime > now - LIVELY_SECONDS
    return size, count, lively
