"""The spool: uploads in flight, on the same file system as the video root. The only module that names a path in it.

    spool/<number>          a body that nginx wrote; it removes its name when the request is over
    spool/tus/<id>.json     what is known of a resumable upload; its time is that of the last activity
    spool/tus/<id>.part     what has come of it so far
    spool/ftp/<camera>/…    what a camera is sending by FTP, or sent under a name that is no clip's yet

A crash leaves files here and nowhere else; what nobody has touched for long is removed by the ingester.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from watcher.errors import GoneError, LockedError, UploadNotFoundError

CHUNK = 1 << 20
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_COPY_ERRORS = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a resumable upload was begun with."""

    camera: str
    name: str  # below the camera's folder; "" where the server is to choose one
    length: int  # bytes, when it will be whole
    metadata: str  # as it was sent
    started_at: str | None = None  # RFC 3339
    sha256: str | None = None  # in hex, of the whole


class Spool:
    """The folder of uploads in flight."""

    def __init__(self, folder: Path, *, expire_seconds: float) -> None:
        self.folder = folder
        self.expire_seconds = expire_seconds
        self._tus = folder / "tus"

    # — bodies that nginx wrote —

    def body(self, path: str) -> Path | None:
        """The file of a request's body; None for none. Raises ValueError for a path that is not in the spool.

        nginx alone says where a body is: a client cannot set the variable. Checked all the same.
        """
        if not path:
            return None
        found = Path(path)
        if found.parent != self.folder or not re.fullmatch(r"\d+", found.name):
            raise ValueError(f"not a body in the spool: {path!r}")
        return found

    def extract(self, source: Path, start: int, length: int) -> Path:
        """A stretch of a file as a file of its own, copied by the kernel."""
        target = self.folder / f"{secrets.token_hex(8)}.extract"
        with source.open("rb") as reading, target.open("xb") as writing:
            copy(reading.fileno(), start, length, writing.fileno())
        return target

    # — resumable uploads —

    def begin(self, part: Part) -> str:
        """Begin an upload; its id."""
        self._tus.mkdir(exist_ok=True)
        upload = secrets.token_urlsafe(16)
        (self._tus / f"{upload}.part").touch(mode=0o600)
        temporary = self._tus / f"{upload}.json.tmp"
        temporary.write_bytes(msgspec.json.encode(part))
        temporary.replace(self._tus / f"{upload}.json")
        return upload

    def part(self, upload: str) -> tuple[Part, int]:
        """An upload and how many bytes of it are here. Raises UploadNotFoundError, GoneError if it has expired."""
        path = self._path(upload, "json")
        try:
            part = msgspec.json.decode(path.read_bytes(), type=Part)
            offset = self._path(upload, "part").stat().st_size
            idle = time.time() - path.stat().st_mtime
        except (FileNotFoundError, msgspec.DecodeError):
            raise UploadNotFoundError("there is no such upload; it may be done") from None
        if idle > self.expire_seconds:
            raise GoneError("the upload has expired; begin it anew")
        return part, offset

    def expires_at(self, upload: str) -> float:
        """When an upload expires if nothing more comes, in seconds since 1970."""
        return self._path(upload, "json").stat().st_mtime + self.expire_seconds

    @contextlib.contextmanager
    def held(self, upload: str) -> Iterator[None]:
        """Nobody else changes the upload meanwhile. Raises LockedError if somebody does, UploadNotFoundError."""
        try:
            descriptor = os.open(self._path(upload, "json"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise UploadNotFoundError("there is no such upload; it may be done") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise LockedError("another request is writing this upload") from None
        try:
            yield
        finally:
            os.close(descriptor)

    def append(self, upload: str, body: Path | None) -> int:
        """Put a body behind what is here, synced, and return how many bytes there are then.

        A crash in between leaves some of the body: the client asks for the offset and goes on from there.
        """
        part = self._path(upload, "part")
        if body is not None and not self._take(body, part):
            with body.open("rb") as reading, part.open("r+b") as writing:
                writing.seek(0, os.SEEK_END)
                copy(reading.fileno(), 0, os.fstat(reading.fileno()).st_size, writing.fileno())
                os.fdatasync(writing.fileno())
        os.utime(self._path(upload, "json"))
        return part.stat().st_size

    def _take(self, body: Path, part: Path) -> bool:
        """Let the first body be the part itself, without copying it; False where that is not possible."""
        if part.stat().st_size:
            return False
        linked = part.with_suffix(".linked")
        try:
            linked.hardlink_to(body)
        except OSError:
            return False
        linked.replace(part)
        return True

    def file(self, upload: str) -> Path:
        """Where the bytes of an upload are."""
        return self._path(upload, "part")

    def drop(self, upload: str) -> None:
        """Remove an upload: what is known of it first, so that a crash leaves bytes that expire."""
        for kind in ("json", "part"):
            self._path(upload, kind).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what nobody has touched for long; how many files."""
        gone = 0
        before = time.time() - self.expire_seconds
        for folder in (self.folder, self._tus, *(Path(path) for path, _, _ in os.walk(self.folder / "ftp"))):
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False) and self._touched(entry) < before:
                            Path(entry.path).unlink()
                            gone += 1
        return gone

    def _touched(self, entry: os.DirEntry[str]) -> float:
        """When a file was last of use: a part for as long as it is known."""
        known = entry.path.removesuffix(".part") + ".json"
        with contextlib.suppress(OSError):
            if entry.path.endswith(".part"):
                return Path(known).stat().st_mtime
        return entry.stat(follow_symlinks=False).st_mtime

    def _path(self, upload: str, kind: str) -> Path:
        if not _ID.fullmatch(upload):
            raise UploadNotFoundError("there is no such upload")
        return self._tus / f"{upload}.{kind}"


def copy(source: int, start: int, length: int, target: int) -> None:
    """Copy a stretch of a file to the end of another one; by the kernel where it can."""
    done = 0
    while done < length:
        try:
            count = os.copy_file_range(source, target, min(length - done, 1 << 30), start + done)
        except OSError as reason:
            if reason.errno not in _COPY_ERRORS:
                raise
            count = os.write(target, os.pread(source, min(length - done, CHUNK), start + done))
        if count == 0:
            raise OSError(errno.EIO, "the file is shorter than it was")
        done += count


def digest(path: Path, algorithm: str) -> bytes:
    """A digest over a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()
