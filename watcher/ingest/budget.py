"""Who may send how much more: the day's share, the disk, and how much at once; the same at every door.

Bytes are promised before they are taken, and what is promised holds for all others: 1. a promise is noted in the
ledger, 2. the bytes come, 3. they become a clip, which is noted as sent, 4. the promise is forgotten. A crash after
3 leaves a promise for some minutes, or one for a file that is found in the spool. Where the spool lies on the
clips' disk, bytes that are in it already take no room again.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from watcher.catalog import Catalog
from watcher.model.errors import (
    DiskFullError,
    LengthRequiredError,
    QuotaError,
    TooLargeError,
    TooManyUploadsError,
    WatcherError,
)
from watcher.storage.ledger import Book, Entry, Ledger
from watcher.storage.permission import explained, space
from watcher.storage.spool import Spool
from watcher.storage.video_root import VideoRoot

log = logging.getLogger("watcher.budget")

AHEAD_BYTES = 4 << 20  # that are promised at a time, of what tells no length


class Limits(msgspec.Struct, frozen=True):
    """What may be sent; in bytes, 0 for no daily limit."""

    clip_bytes: int
    day_bytes: int
    free_bytes: int
    chunked_bytes: int = 256 << 20  # promised to a body that tells no length
    bodies: int = 32  # of one key at once
    parts: int = 100  # unfinished uploads of one key


class Budget:
    """Promises, and whether another one can be kept."""

    def __init__(
        self,
        *,
        root: VideoRoot,
        catalog: Catalog,
        spool: Spool,
        run: Path,
        limits: Limits,
        today: Callable[[], str],
    ) -> None:
        self.limits = limits
        self._root = root
        self._catalog = catalog
        self._spool = spool
        self._today = today
        self._ledger = Ledger(spool.folder, run, self._entries)

    def promise(self, entry: Entry, *, coming: int | None = None) -> None:
        """Promise room for something; `coming` are the bytes of it for which there is none yet, None for all.

        Raises TooManyUploadsError, QuotaError, DiskFullError.
        """
        with self._book() as book:
            self._check_count(book, entry)
            self._check(book, entry.camera, entry.size, entry.size if coming is None else coming)
            book.put(entry)

    def promise_unmeasured(self, entry: Entry) -> None:
        """Promise room for a body of unknown length. Raises LengthRequiredError where only a smaller one fits."""
        most = min(self.limits.chunked_bytes, self.limits.clip_bytes)
        try:
            self.promise(msgspec.structs.replace(entry, size=most))
        except (QuotaError, DiskFullError) as reason:
            with self._book() as book:
                try:
                    self._check(book, entry.camera, 1, 1)
                except WatcherError:
                    raise reason from None
            raise LengthRequiredError(f"send its length, for {most:,} bytes are too many now: {reason}") from None

    def check_room(self, camera: str) -> None:
        """Whether a camera may send anything at all. Raises QuotaError, DiskFullError."""
        with self._book() as book:
            self._check(book, camera, 1, 1)

    def claim(self, entry_id: str, camera: str, size: int) -> None:
        """Say whose a body is that has come, and how much of it counts. Raises QuotaError."""
        with self._book() as book:
            entry = book.find(entry_id)
            book.drop(entry_id)
            self._check(book, camera, size, 0, disk=False)
            if entry is not None:
                book.put(msgspec.structs.replace(entry, camera=camera))

    def grow(self, entry_id: str, least: int) -> int:
        """Let an upload grow to so many bytes. Returns how large it may become: larger where there is room.

        Raises TooLargeError, QuotaError, DiskFullError.
        """
        if least > self.limits.clip_bytes:
            raise TooLargeError(f"a clip may have {self.limits.clip_bytes:,} bytes")
        with self._book() as book:
            entry = book.find(entry_id)
            if entry is None:
                raise QuotaError("nobody promised it")
            for size in (least + AHEAD_BYTES, least):
                more = size - entry.size
                try:
                    self._check(book, entry.camera, more, more)
                except (QuotaError, DiskFullError):
                    if size == least:
                        raise
                    continue
                book.put(msgspec.structs.replace(entry, size=size))
                return size
        raise AssertionError

    def move(self, path: str, to: str) -> None:
        """Note that a file or a folder of the spool has another name. Raises DiskFullError."""
        with self._book() as book:
            for entry in list(book.entries):
                if entry.path == path or entry.path.startswith(f"{path}/"):
                    book.drop(entry.id)
                    there = to + entry.path[len(path) :]
                    book.put(msgspec.structs.replace(entry, id=there, path=there))

    def settle(self, entry_id: str, size: int) -> None:
        """Note that an upload rests, and how many of its bytes are here."""

        def change(book: Book) -> None:
            if (entry := book.find(entry_id)) is not None:
                book.put(msgspec.structs.replace(entry, size=size))

        self._quietly(change)

    def release(self, entry_id: str) -> None:
        """Forget a promise."""
        self._quietly(lambda book: book.drop(entry_id))

    def _quietly(self, change: Callable[[Book], None]) -> None:
        try:
            with self._ledger.opened() as book:
                change(book)
        except OSError as reason:  # the promise is forgotten when it is too old
            log.warning("the ledger of uploads cannot be written: %s", reason.strerror)

    @contextlib.contextmanager
    def _book(self) -> Iterator[Book]:
        with explained(str(self._spool.folder)), self._ledger.opened() as book:
            yield book

    def _check_count(self, book: Book, entry: Entry) -> None:
        most = self.limits.bodies if entry.is_body else self.limits.parts
        if book.find(entry.id) is None and book.count(entry.owner, bodies=entry.is_body) >= most:
            what = "uploads at once" if entry.is_body else "unfinished uploads"
            raise TooManyUploadsError(f"{most} {what} are enough: finish some first")

    def _check(self, book: Book, camera: str, size: int, coming: int, *, disk: bool = True) -> None:
        if self.limits.day_bytes and camera:
            sent, promised = self._catalog.sent.on(camera, self._today()), book.promised(camera)
            if sent + promised + size > self.limits.day_bytes:
                reason = f"has sent {sent:,}" + (f" and begun {promised:,}" if promised else "")
                raise QuotaError(f"{camera} may send {self.limits.day_bytes:,} bytes a day, and {reason}")
        if not disk:
            return
        promised, here = book.to_come(), self._spool.folder
        if here.stat().st_dev == self._root.folder.stat().st_dev:
            self._check_room(self._root.free_bytes(), coming, promised)
        else:
            self._check_room(self._root.free_bytes(), size, book.total())
            self._check_room(space(here).free_bytes, coming, promised)

    def _check_room(self, free: int, coming: int, promised: int) -> None:
        if coming > 0 and free - promised - coming < self.limits.free_bytes:
            more = f", {promised:,} of them are promised" if promised else ""
            raise DiskFullError(f"{free:,} bytes are free{more}, and {self.limits.free_bytes:,} have to stay so")

    def _entries(self) -> list[Entry]:
        """What lies in the spool."""
        now, entries = time.time(), []
        for upload, part in self._spool.parts():
            path = f"tus/{upload.file.name}"
            entries.append(Entry(upload.id, part.owner, part.camera, part.length, now, path))
        for camera, path, size in self._spool.ftp_files():
            entries.append(Entry(path, camera, camera, size, now, path))
        return entries
