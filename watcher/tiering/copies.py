"""Copies of clips that lie in buckets, for whoever needs a file: a worker, a playlist, a zip.

They lie in the spool, beside what is uploaded, as long as somebody asks for them and ten minutes more. They take
no room that uploads have to have free, and 4 GiB at most. A copy has its name once all of its bytes are there, and
they are those that were put into the store; what a crash leaves goes with the next sweep.

Where the settings give them room (`tiering.cache_bytes`), those that were used last stay for longer, and nginx
plays them. Whoever is asked where a clip lies leaves a wish for its copy; who has the time makes it (`keeper.py`).

A store that has just failed is not asked for half a minute, and the processes that answer requests fetch one clip
at a time, so that a store that is frozen holds one of them and for no longer than it takes to find out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from watcher.catalog.stored import Lying
from watcher.model.errors import MissingError, StoreAwayError
from watcher.storage.permission import check_space, space
from watcher.stores.store import Store, Stored
from watcher.tiering.copying import Pace

KEPT_SECONDS = 600.0  # after the last use
MOST_BYTES = 4 << 30  # of all together; a clip that is larger is had alone
USED_SECONDS = 60.0  # for which nobody else's clip takes the place of one: a worker is about to open it
REST_SECONDS = 30.0  # for which a store is not asked that has just failed
WISH = ".wish-"  # and the number of a clip


class Copies:
    """A folder of them."""

    def __init__(
        self,
        folder: Path,
        keep_bytes: int,
        *,
        cache_bytes: int = 0,
        most_bytes: int = 0,
        hurried: bool = False,
        lasting: bool = False,
        took: Callable[[int], None] | None = None,
    ) -> None:
        """`keep_bytes` stay free; of what is not in use `cache_bytes` stay; none is made beyond `most_bytes`.

        `hurried`: rather no copy than to wait; `lasting`: none goes before `clear`; `took` is told of each piece.
        """
        self._folder, self._keep_bytes, self._cache_bytes = folder, keep_bytes, cache_bytes
        self._most_bytes = most_bytes
        self._hurried, self._lasting, self._took = hurried, lasting, took

    def place(self, lying: Lying) -> Path:
        """Where the copy of a clip lies, if there is one. Its ending says of what kind it is, as nginx reads it."""
        return self._folder / _name(lying.id, lying.key, lying.sha256 or "")

    def note_use(self, lying: Lying) -> Path:
        """Where the copy lies of a clip that somebody plays; where there is none, a wish for it is left."""
        path = self.place(lying)
        with contextlib.suppress(OSError):  # of a full disk: it is played from its store
            try:
                os.utime(path, ns=(time.time_ns(), lying.mtime_ns))
            except FileNotFoundError:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                (self._folder / f"{WISH}{lying.id}").touch()
        return path

    def wishes(self) -> list[int]:
        """The clips of which somebody wishes a copy, the last wish first."""
        files = sorted(self._files(), key=lambda file: file[2])
        return [int(path.name.removeprefix(WISH)) for path, _, _ in files if path.name.startswith(WISH)]

    def settle(self, clip_id: int) -> None:
        """Forget a wish."""
        (self._folder / f"{WISH}{clip_id}").unlink(missing_ok=True)

    def there(self) -> Iterator[int]:
        """The clips of which there are copies."""
        with contextlib.suppress(FileNotFoundError):
            for path in list(self._folder.iterdir()):
                number, hyphen, _ = path.name.partition("-")
                if hyphen and number.isdecimal():
                    yield int(number)

    def remove(self, clip_id: int) -> None:
        """Remove what there is of a clip, whichever of its contents."""
        for path in self._folder.glob(f"{clip_id}-*"):
            path.unlink(missing_ok=True)

    def give_way(self) -> bool:
        """Let the longest unused copies go while less is free than has to be; whether so much is free now."""
        free = not self._folder.exists() or self._is_free()
        for path, _, unused in [] if free else sorted(self._files(), key=lambda file: -file[2]):
            if unused < USED_SECONDS or (free := self._is_free()):
                break
            if not path.name.startswith("."):
                path.unlink(missing_ok=True)
        return free or self._is_free()

    def _is_free(self) -> bool:
        return space(self._folder).free_bytes >= self._keep_bytes

    def path(self, store: Store, lying: Lying) -> str:
        """The path of a copy, which is made where there is none.

        Raises FileNotFoundError where the store has nothing, or something else, StoreAwayError, DiskFullError, and
        OSError.
        """
        path = self.place(lying)
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, ns=(time.time_ns(), lying.mtime_ns))
            return str(path)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        failed = self._folder / f".failed-{store.name}"
        with contextlib.suppress(FileNotFoundError):
            if time.time() - failed.stat().st_mtime < REST_SECONDS:
                raise StoreAwayError(f"the store {store.name} did not answer just now")
        with self._turn(store):
            self._make_room(lying.size_bytes)
            try:
                self._fetch(store, lying, path)
            except StoreAwayError:
                failed.touch()
                raise
        return str(path)

    @contextlib.contextmanager
    def of_nobody(self, store: Store, stored: Stored, pace: Pace) -> Iterator[tuple[Path, str]]:
        """A copy of an object that is no clip's yet, for the time of a block or until it is kept; and its SHA-256.

        Raises MissingError, StoreAwayError, DiskFullError, NotNowError, and OSError.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._make_room(stored.size)
        aside, digest, size = self._folder / f".{os.getpid()}-{threading.get_ident()}", hashlib.sha256(), 0
        try:
            with aside.open("wb") as file:
                for piece in store.read(stored.key, 0, stored.size + 1):
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
                    pace.took(len(piece))
            if size != stored.size:
                raise MissingError(f"what the store {store.name} calls {stored.key} changed while it was read")
            yield aside, digest.hexdigest()
        finally:
            aside.unlink(missing_ok=True)

    def keep(self, aside: Path, clip_id: int, key: str, sha256: str, mtime_ns: int) -> None:
        """Let the copy of an object that has become a clip be that clip's; others may take its place at once."""
        os.utime(aside, ns=(time.time_ns() - int(USED_SECONDS * 1e9), mtime_ns))
        aside.rename(self._folder / _name(clip_id, key, sha256))

    def sweep(self, kept_seconds: float = KEPT_SECONDS) -> int:
        """Remove what nobody has used for so long and the settings give no room, also what a crash has left.

        Returns the bytes of those that stay.
        """
        stay = 0
        for path, size, unused in sorted(self._files(), key=lambda file: file[2]):
            if unused > kept_seconds and (path.name.startswith(".") or stay + size > self._cache_bytes):
                path.unlink(missing_ok=True)
            else:
                stay += size
        return stay

    def clear(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fetch(self, store: Store, lying: Lying, path: Path) -> None:
        aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
        digest, size = hashlib.sha256(), 0
        try:
            with aside.open("wb") as file:
                for piece in store.read(lying.store_key or "", 0, lying.size_bytes + 1):
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
                    if self._took is not None:
                        self._took(len(piece))
            if (size, digest.hexdigest()) != (lying.size_bytes, lying.sha256):
                raise MissingError(f"the store {store.name} has not got {lying.key} as it was put there")
            os.utime(aside, ns=(time.time_ns(), lying.mtime_ns))
            aside.rename(path)
        except MissingError as reason:
            raise FileNotFoundError(str(reason)) from None
        finally:
            aside.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Let others go for a clip of so many bytes. Raises StoreAwayError, DiskFullError, OSError."""
        if not self._lasting:
            used, most = self.sweep(), self._most_bytes or max(MOST_BYTES, self._cache_bytes)
            for path, length, unused in sorted(self._files(), key=lambda file: -file[2]):
                if used + size <= most or unused < USED_SECONDS:
                    break
                path.unlink(missing_ok=True)
                used -= length
            if used and used + size > most:
                raise StoreAwayError("too many clips are being read from stores at the moment")
        check_space(self._folder, size, keep_bytes=self._keep_bytes)

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Each, its bytes, and for how many seconds nobody has used it: a copy has its clip's own time."""
        with contextlib.suppress(FileNotFoundError):
            for path in list(self._folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    used_at = status.st_mtime if path.name.startswith(".") else status.st_atime
                    yield path, status.st_size, time.time() - used_at

    @contextlib.contextmanager
    def _turn(self, store: Store) -> Iterator[None]:
        """Wait for nobody: of those who are in a hurry one fetches at a time, over all processes."""
        if not self._hurried:
            yield
            return
        lock = os.open(self._folder / ".turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(lock)
            yield
        except BlockingIOError:
            raise StoreAwayError(f"the store {store.name} is giving out another clip: try again") from None
        finally:
            os.close(lock)


def _name(clip_id: int, key: str, sha256: str) -> str:
    """What a copy is called: by what it holds.

    >>> _name(17, "porch/1.MP4", "00ff"), _name(17, "porch/1.a b", "00ff")
    ('17-00ff.MP4', '17-00ff')
    """
    ending = PurePosixPath(key).suffix
    return f"{clip_id}-{sha256}{ending if re.fullmatch('[.][A-Za-z0-9]{1,8}', ending) else ''}"
