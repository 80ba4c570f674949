"""The spool: uploads in flight, on the same file system as the video root.

Only this module and `upload.py` name a path in it.

    spool/<number>          a body that nginx wrote; it removes its name when the request is over
    spool/tus/<id>.*        a resumable upload (see `upload.py`)
    spool/ftp/<camera>/…    what a camera is sending by FTP, or sent under a name that is no clip's yet

A crash leaves files here and nowhere else; what nobody has touched for long is removed by the ingester, which
finishes uploads that are whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from watcher.model.errors import GoneError, UploadNotFoundError
from watcher.storage.durable import CHUNK
from watcher.storage.upload import Lives, Part, Upload

DONE_SECONDS = 3600.0  # for which a client may still ask about an upload that is done; later it begins anew


class Spool:
    """The folder of uploads in flight."""

    def __init__(self, folder: Path, lives: Lives) -> None:
        self.folder = folder
        self._lives = lives
        self._tus = folder / "tus"

    # — bodies that nginx wrote —

    def body(self, path: str) -> Path | None:
        """The file of a request's body; None for none. Raises ValueError for a path that is not in the spool.

        nginx alone says where a body is: a client cannot set the variable. Checked all the same.
        """
        if not path:
            return None
        body = Path(path)
        if body.parent != self.folder or not re.fullmatch(r"\d+", body.name):
            raise ValueError(f"not a body in the spool: {path!r}")
        return body

    def trim(self, body: Path, start: int, length: int) -> None:
        """Leave of a body only a stretch, in its place: a copy would need as much room again."""
        with body.open("r+b") as file:
            done = 0
            while done < length:
                piece = os.pread(file.fileno(), min(length - done, CHUNK), start + done)
                done += os.pwrite(file.fileno(), piece, done)
            file.truncate(length)

    # — resumable uploads —

    def upload(self, upload_id: str) -> Upload:
        """An upload by its id. Raises UploadNotFoundError for what cannot be one."""
        return Upload(self._tus, upload_id, self._lives)

    def new(self) -> Upload:
        """An upload that is to be begun, under an id that nobody can guess."""
        return self.upload(secrets.token_urlsafe(16))

    def whole(self) -> list[Upload]:
        """Uploads of which all bytes are here and no clip is."""
        return [upload for upload, part in self.parts() if upload.file.stat().st_size == part.length]

    def parts(self) -> Iterator[tuple[Upload, Part]]:
        """Every upload that is no clip and has not expired."""
        for path in self._tus.glob("*.json"):
            with contextlib.suppress(UploadNotFoundError, GoneError):
                upload = self.upload(path.stem)
                yield upload, upload.part()[0]

    def ftp_files(self) -> Iterator[tuple[str, str, int]]:
        """Cameras, what they send by FTP (below the spool), and how many bytes of it are here."""
        for home in (self.folder / "ftp").glob("*"):
            for path in home.rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file():
                        yield home.name, path.relative_to(self.folder).as_posix(), path.stat().st_size

    def clear(self) -> None:
        """Remove bodies whose requests ended with a killed nginx; only while none works here.

        Nobody was told that they are here. Parts and what came by FTP stay: they are gone on with.
        """
        for path in self.folder.glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    path.unlink()

    def sweep(self) -> int:
        """Remove what nobody has touched for long. Returns how many files."""
        gone = 0
        now = time.time()
        for folder in (self.folder, self._tus, *(Path(path) for path, _, _ in os.walk(self.folder / "ftp"))):
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False) and self._until(entry) < now:
                            Path(entry.path).unlink()
                            gone += 1
        return gone

    def _until(self, entry: os.DirEntry[str]) -> float:
        """Until when a file is of use: a part for as long as it is known, and without end while it is whole."""
        stem, _, kind = entry.path.rpartition(".")
        touched = entry.stat(follow_symlinks=False).st_mtime
        if kind == "done":
            return touched + DONE_SECONDS
        if kind in {"part", "json"}:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                metadata = Path(f"{stem}.json")
                part = msgspec.json.decode(metadata.read_bytes(), type=Part)
                if Path(f"{stem}.part").stat().st_size == part.length:
                    return math.inf
                return self._lives.end(part, metadata.stat().st_mtime)
        return touched + self._lives.idle


def digest(path: Path, algorithm: str) -> bytes:
    """A digest over a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()
