"""The spool: uploads in flight, on the same file system as the video root. The only module that names a path in it.

    spool/<number>          a body that nginx wrote; it removes its name when the request is over
    spool/tus/<id>.json     what is known of a resumable upload; its time is that of the last activity
    spool/tus/<id>.part     what has come of it so far
    spool/tus/<id>.done     that it has become a clip, for a client that did not hear so
    spool/ftp/<camera>/…    what a camera is sending by FTP, or sent under a name that is no clip's yet

A crash leaves files here and nowhere else; what nobody has touched for long is removed by the ingester, which
finishes uploads that are whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from watcher.model.errors import GoneError, LockedError, UploadNotFoundError
from watcher.storage.durable import CHUNK, copy

DONE_SECONDS = 3600.0  # for which a client may still ask about an upload that is done; later it begins anew
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a resumable upload was begun with."""

    camera: str
    name: str  # below the camera's folder; "" where the server is to choose one
    length: int  # bytes, when it will be whole
    metadata: str  # as it was sent
    started_at: str | None = None  # RFC 3339
    sha256: str | None = None  # in hex, of the whole
    owner: str = ""  # in whose budget it is
    begun_at: float = 0.0  # in seconds since 1970

    def told(self, here: int) -> int:
        """The offset that is told while so many bytes are here and no clip is: never the length.

        The last byte is kept back until the clip is filed, so that each client goes on with an upload whose end
        failed: it sends that byte again, and the end is tried again.
        """
        return min(here, self.length - 1)

    def done(self, clip_id: int) -> Done:
        """What is known of it once it is that clip."""
        return Done(
            camera=self.camera, length=self.length, metadata=self.metadata, clip_id=clip_id, sha256=self.sha256
        )


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that has become a clip."""

    camera: str
    length: int
    metadata: str
    clip_id: int
    sha256: str | None = None  # of the clip's bytes, where the sender told it


class Spool:
    """The folder of uploads in flight."""

    def __init__(self, folder: Path, *, expire_seconds: float, longest_seconds: float = math.inf) -> None:
        self.folder = folder
        self.expire_seconds = expire_seconds
        self.longest_seconds = longest_seconds
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

    def trim(self, body: Path, start: int, length: int) -> None:
        """Leave of a body only a stretch, in its place: a copy would need as much room again."""
        with body.open("r+b") as file:
            done = 0
            while done < length:
                piece = os.pread(file.fileno(), min(length - done, CHUNK), start + done)
                done += os.pwrite(file.fileno(), piece, done)
            file.truncate(length)

    # — resumable uploads —

    def begin(self, part: Part, upload: str = "") -> str:
        """Begin an upload, of an id that was made for it; the id."""
        self._tus.mkdir(exist_ok=True)
        upload = upload or new_id()
        (self._tus / f"{upload}.part").touch(mode=0o600)
        self._write(upload, "json", part)
        return upload

    def begin_done(self, done: Done) -> str:
        """An upload of what is here already; its id."""
        self._tus.mkdir(exist_ok=True)
        upload = new_id()
        self._write(upload, "done", done)
        return upload

    def part(self, upload: str) -> tuple[Part, int]:
        """An upload and how many bytes of it are here. Raises UploadNotFoundError, GoneError if it has expired."""
        path = self._path(upload, "json")
        try:
            part = msgspec.json.decode(path.read_bytes(), type=Part)
            here = self._path(upload, "part").stat().st_size
            touched = path.stat().st_mtime
        except (FileNotFoundError, msgspec.DecodeError):
            raise UploadNotFoundError("there is no such upload; it may be done") from None
        if here < part.length and time.time() > self._end(part, touched):
            raise GoneError("the upload has expired; begin it anew")
        return part, here

    def done(self, upload: str) -> Done | None:
        """An upload that has become a clip; None if it has not, or was forgotten."""
        try:
            return msgspec.json.decode(self._path(upload, "done").read_bytes(), type=Done)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def expires_at(self, upload: str) -> float | None:
        """When an upload expires if nothing more comes, in seconds since 1970; None for one that does not."""
        try:
            part, here = self.part(upload)
            touched = self._path(upload, "json").stat().st_mtime
        except (UploadNotFoundError, FileNotFoundError):
            return None
        return None if here == part.length else self._end(part, touched)

    def whole(self) -> list[str]:
        """Uploads of which all bytes are here and no clip is."""
        return [upload for upload, part in self.parts() if self.file(upload).stat().st_size == part.length]

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Every upload that is no clip and has not expired."""
        for path in self._tus.glob("*.json"):
            with contextlib.suppress(UploadNotFoundError, GoneError):
                yield path.stem, self.part(path.stem)[0]

    def ftp_files(self) -> Iterator[tuple[str, str, int]]:
        """Cameras, what they send by FTP (below the spool), and how many bytes of it are here."""
        for home in (self.folder / "ftp").glob("*"):
            for path in home.rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file():
                        yield home.name, path.relative_to(self.folder).as_posix(), path.stat().st_size

    def _end(self, part: Part, touched: float) -> float:
        begun = part.begun_at or touched
        return min(touched + self.expire_seconds, begun + self.longest_seconds)

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

    def append(self, upload: str, at: int, body: Path | None) -> int:
        """Put a body behind the first `at` bytes that are here, synced, and return how many there are then.

        A crash in between leaves some of the body: the client asks for the offset and goes on from there.
        """
        part = self._path(upload, "part")
        if body is not None and not self._take(body, part):
            with body.open("rb") as reading, part.open("r+b") as writing:
                writing.seek(at)
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

    def finish(self, upload: str, clip_id: int) -> None:
        """Note that an upload has become a clip, then forget the rest of it.

        A crash before the note leaves a whole upload, which is finished again: twice is the same as once. One after
        it leaves what the next sweep removes.
        """
        self._write(upload, "done", self.part(upload)[0].done(clip_id))
        self.drop(upload, done=False)

    def drop(self, upload: str, *, done: bool = True) -> None:
        """Remove an upload: what is known of it first, so that a crash leaves bytes that expire."""
        for kind in ("json", "part", *(["done"] if done else [])):
            self._path(upload, kind).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove bodies whose requests ended with a killed nginx; only while none works here.

        Nobody was told that they are here. Parts and what came by FTP stay: they are gone on with.
        """
        for path in self.folder.glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    path.unlink()

    def sweep(self) -> int:
        """Remove what nobody has touched for long; how many files."""
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
                known = Path(f"{stem}.json")
                part = msgspec.json.decode(known.read_bytes(), type=Part)
                if Path(f"{stem}.part").stat().st_size == part.length:
                    return math.inf
                return self._end(part, known.stat().st_mtime)
        return touched + self.expire_seconds

    def _write(self, upload: str, kind: str, value: Part | Done) -> None:
        temporary = self._path(upload, f"{kind}.tmp")
        temporary.write_bytes(msgspec.json.encode(value))
        temporary.replace(self._path(upload, kind))

    def _path(self, upload: str, kind: str) -> Path:
        if not _ID.fullmatch(upload):
            raise UploadNotFoundError("there is no such upload")
        return self._tus / f"{upload}.{kind}"


def new_id() -> str:
    """An id for a resumable upload, which nobody can guess."""
    return secrets.token_urlsafe(16)


def digest(path: Path, algorithm: str) -> bytes:
    """A digest over a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()
