"""A resumable upload in flight: what is known of it, and what of it is here.

<id>.json     what it was begun with; its time is that of the last activity
<id>.part     what has come of it so far
<id>.done     that it has become a clip, for a client that did not hear so
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from watcher.model.errors import GoneError, LockedError, UploadNotFoundError
from watcher.storage.durable import copy

_ID = re.compile(r"[A-Za-z0-9_-]{22}")


class Lives(NamedTuple):
    """For how many seconds an upload that is not whole is kept."""

    idle: float  # after the last activity
    longest: float = math.inf  # after its begin

    def end(self, part: Part, touched: float) -> float:
        """When a part expires that was last touched then; both in seconds since 1970."""
        return min(touched + self.idle, (part.begun_at or touched) + self.longest)


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

    def offset(self, here: int) -> int:
        """The offset that is told while so many bytes are here and no clip is: never the length.

        The last byte is kept back until the clip is filed, so that each client goes on with an upload whose end
        failed: it sends that byte again, and the end is tried again.
        """
        return min(here, self.length - 1)

    def done(self, clip_id: int) -> Done:
        """What is known of the upload once it has become a clip."""
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


class Upload:
    """A resumable upload, by its id."""

    def __init__(self, folder: Path, upload_id: str, lives: Lives) -> None:
        """Raises UploadNotFoundError for what cannot be an id."""
        if not _ID.fullmatch(upload_id):
            raise UploadNotFoundError("there is no such upload")
        self.id = upload_id
        self._folder = folder
        self._lives = lives

    @property
    def file(self) -> Path:
        """Where its bytes are."""
        return self._path("part")

    def begin(self, part: Part) -> None:
        """Begin the upload: its bytes first, so that what is known of it is never without them."""
        self._folder.mkdir(exist_ok=True)
        self.file.touch(mode=0o600)
        self._write("json", part)

    def begin_done(self, done: Done) -> None:
        """Note that all of it is here already, as a clip."""
        self._folder.mkdir(exist_ok=True)
        self._write("done", done)

    def part(self) -> tuple[Part, int]:
        """What it was begun with, and how many bytes are here.

        Raises UploadNotFoundError, and GoneError if it has expired.
        """
        path = self._path("json")
        try:
            part = msgspec.json.decode(path.read_bytes(), type=Part)
            here = self._path("part").stat().st_size
            touched = path.stat().st_mtime
        except (FileNotFoundError, msgspec.DecodeError):
            raise UploadNotFoundError("there is no such upload; it may be done") from None
        if here < part.length and time.time() > self._lives.end(part, touched):
            raise GoneError("the upload has expired; begin it anew")
        return part, here

    def done(self) -> Done | None:
        """The clip that it has become; None if it has not, or that was forgotten."""
        try:
            return msgspec.json.decode(self._path("done").read_bytes(), type=Done)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def expires_at(self) -> float | None:
        """When it expires if nothing more comes, in seconds since 1970; None for one that does not."""
        try:
            part, here = self.part()
            touched = self._path("json").stat().st_mtime
        except (UploadNotFoundError, FileNotFoundError):
            return None
        return None if here == part.length else self._lives.end(part, touched)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the upload for the time of a block. Raises UploadNotFoundError, LockedError if somebody holds it."""
        try:
            descriptor = os.open(self._path("json"), os.O_RDONLY | os.O_CLOEXEC)
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

    def append(self, at: int, body: Path | None) -> int:
        """Put a body behind the first `at` bytes that are here, synced, and return how many there are then.

        A crash in between leaves some of the body: the client asks for the offset and goes on from there.
        """
        part = self._path("part")
        if body is not None and not self._take(body, part):
            with body.open("rb") as reading, part.open("r+b") as writing:
                writing.seek(at)
                copy(reading.fileno(), 0, os.fstat(reading.fileno()).st_size, writing.fileno())
                os.fdatasync(writing.fileno())
        os.utime(self._path("json"))
        return part.stat().st_size

    def finish(self, clip_id: int) -> None:
        """Note that it has become a clip, then forget the rest of it.

        A crash before the note leaves a whole upload, which is finished again: twice is the same as once. One after
        it leaves what the next sweep removes.
        """
        self._write("done", self.part()[0].done(clip_id))
        self.drop(done=False)

    def drop(self, *, done: bool = True) -> None:
        """Remove the upload: what is known of it first, so that a crash leaves bytes that expire."""
        for kind in ("json", "part", *(["done"] if done else [])):
            self._path(kind).unlink(missing_ok=True)

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

    def _write(self, kind: str, value: Part | Done) -> None:
        temporary = self._path(f"{kind}.tmp")
        temporary.write_bytes(msgspec.json.encode(value))
        temporary.replace(self._path(kind))

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self.id}.{kind}"
