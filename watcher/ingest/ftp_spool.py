"""What cameras send by FTP while it lies in the spool: counted as it comes, filed when nothing more does."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from watcher.ingest.budget import Budget
from watcher.ingest.uploads import Uploads
from watcher.media.boxes import read_movie
from watcher.model.errors import BrokenClipError, LockedError, TakenError, WatcherError
from watcher.naming.ignore import printable
from watcher.naming.upload_names import SUFFIXES
from watcher.services import Services
from watcher.storage.ledger import Entry

log = logging.getLogger("watcher.ftp")

PICTURES = ("jpg", "jpeg")  # that a camera leaves beside its clips
LEFT_SECONDS = 600.0  # without a byte, after which nobody sends it again
UNNAMED_SECONDS = 3600.0  # after which nobody renames it
LOOK_SECONDS = 30.0
TAKEN = "Another connection has sent under this name."
FOLDERS_MOST = 500  # of one camera; some make one for each minute


class Counted:
    """A file that is written only as far as the budget goes, and only while nobody else takes it (`lost`)."""

    def __init__(self, file: Any, budget: Budget, entry: Entry) -> None:
        self.lost = False
        self._file = file
        self._budget = budget
        self._entry = entry
        self._most = entry.size
        self._turn = threading.Lock()

    def write(self, data: bytes) -> None:
        """Write some more, and hold nothing back. Raises WatcherError where that is too much, or lost."""
        with self._turn:
            if self.lost:
                raise TakenError(TAKEN)
            end = self._file.tell() + len(data)
            if end > self._most:
                self._most = self._budget.grow(self._entry.id, end)
            self._file.write(data)
            self._file.flush()

    def lose(self) -> None:
        """Let nothing more be written: it is another's, or a clip's."""
        with self._turn:
            self.lost = not self._file.closed
            self._file.close()

    def close(self) -> None:
        """Close it, and give back what was promised beyond it."""
        with self._turn:
            if self._file.closed:
                return
            size = os.fstat(self._file.fileno()).st_size
            self._file.close()
        with _lock:
            if _open.get(self._file.name) is self:
                del _open[self._file.name]
        self._budget.settle(self._entry.id, size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


# Each connection has a thread. A file has one writer, and none from the moment on in which it becomes a clip.
_lock = threading.Lock()  # over these two
_open: dict[str, Counted] = {}  # what connections write to, by path
_filing: set[str] = set()  # paths of what is becoming a clip


def open_counted(path: str, mode: str, budget: Budget, entry: Entry) -> Counted:
    """Open a file; whoever had it open loses it. Raises LockedError while it becomes a clip, and OSError.

    A name that a crash left beside its clip is the clip's file: that is not written to, the name goes.
    """
    with _lock:
        _take(path)
        with contextlib.suppress(FileNotFoundError):
            if Path(path).stat().st_nlink > 1:
                Path(path).unlink()
        file = Path(path).open(mode)  # noqa: SIM115 - the connection closes it
        _open[path] = counted = Counted(file, budget, entry)
    return counted


def rename(path: str, to: str) -> None:
    """Give a file or a folder another name. Raises LockedError while it becomes a clip, and OSError."""
    with _lock:
        _take(path)
        _take(to)
        Path(path).rename(to)


def file(uploads: Uploads, home: Path, camera: str, path: Path) -> None:
    """Move a file into its camera's folder. Raises WatcherError, OSError.

    First it is taken from a connection that still has it open, one that broke off without a word for instance, and
    until its name is gone no other one opens it: what they write must be in no clip.
    """
    with _lock:
        _take(str(path))
        _filing.add(str(path))
    try:
        name = path.relative_to(home).as_posix()
        key = uploads.drop(path, camera, name, picture=path.suffix[1:].lower() in PICTURES)
        path.unlink(missing_ok=True)
    finally:
        with _lock:
            _filing.remove(str(path))
    uploads.budget.release(path.relative_to(uploads.spool.folder).as_posix())
    log.info("%s was sent by FTP", printable(key))


def _take(path: str) -> None:
    """Let nobody write any more to a file, or to what a folder has. Raises LockedError where one becomes a clip."""

    def below(other: str) -> bool:
        return other == path or other.startswith(f"{path}/")

    if any(map(below, _filing)):
        raise LockedError("it is being filed: send it again")
    for other in [other for other in _open if below(other)]:
        _open.pop(other).lose()


def folders_of(home: str) -> int:
    """How many folders a camera has made in its own."""
    return sum(len(folders) for _, folders, _ in os.walk(home))


def is_whole(path: Path) -> bool:
    """Whether a file is a film to its end."""
    with path.open("rb") as file:
        try:
            # What has something behind it may have been broken off inside that.
            return not read_movie(file.fileno(), path.stat().st_size).trailing_bytes
        except BrokenClipError:
            return False


def file_stragglers(spool: Path, uploads: Uploads, before: float) -> None:
    """File what is not whole and was not touched since a moment (seconds since 1970): nobody sends it again.

    What has no clip's name for an hour is removed, and so are folders that were empty for as long.
    """
    for home in (spool / "ftp").glob("*"):
        for path in sorted(home.rglob("*"), reverse=True):  # what is in a folder before the folder
            with contextlib.suppress(FileNotFoundError):
                if path.is_dir():
                    if before - path.stat().st_mtime > UNNAMED_SECONDS - LEFT_SECONDS:
                        with contextlib.suppress(OSError):  # it is not empty
                            path.rmdir()
                    continue
                quiet = before - path.stat().st_mtime if path.is_file() else 0
                if quiet <= 0:
                    continue
                try:
                    if path.suffix[1:].lower() in SUFFIXES + PICTURES:
                        file(uploads, home, home.name, path)
                    elif quiet > UNNAMED_SECONDS - LEFT_SECONDS:
                        path.unlink()
                        log.warning("FTP: %s is removed: nobody gave it a clip's name", printable(str(path)))
                except (WatcherError, OSError) as reason:
                    log.warning("FTP: %s: %s", printable(str(path)), reason)


class Stragglers(threading.Thread):
    """Looks after what nobody sends again."""

    def __init__(self, services: Services) -> None:
        super().__init__(name="stragglers", daemon=True)
        self._services = services

    def run(self) -> None:
        """Look again and again."""
        uploads = Uploads.of(self._services)
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                file_stragglers(self._services.places.spool, uploads, time.time() - LEFT_SECONDS)
            except Exception:
                log.exception("FTP: what was left could not be filed")
