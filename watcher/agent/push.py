"""`watcher push`: watches a folder and sends each finished clip; survives restarts and days without a network.

The order: a clip is noted as begun, sent, confirmed (the server is asked anew and compares its own bytes), noted as
sent, and only then removed, if that was asked for. After a crash anywhere the server is asked how much it has, and
sending goes on there. A note that a clip was sent is no proof: before a removal the server is asked again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from watcher.agent.journal import Entry, Journal
from watcher.agent.notices import progress_bar, watching
from watcher.agent.tus_client import AwayError, DeniedError, LaterError, RefusedError, Sender, backoff
from watcher.media.boxes import read_movie
from watcher.model.errors import BrokenClipError, StartError
from watcher.naming.ignore import Ignoring, printable
from watcher.naming.upload_names import SUFFIXES, camera_name
from watcher.storage.lock import only_one
from watcher.storage.settle import quiet, quiet_needed, writer

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0  # between two looks at the whole folder, whatever events say
BLIND_SECONDS = 10.0  # the same, without events
ATTEMPTS_ONCE = 5  # before a single run gives up
SETTLING_SECONDS = 1.0  # between two looks while something is being written


@dataclass(frozen=True, kw_only=True)
class Pushing:
    """What `watcher push` was asked for."""

    folder: Path
    url: str
    key: str | None = None
    camera: str | None = None  # None: the first folder of each path is the camera
    journal: Path
    settle_seconds: float = 2.0
    bytes_a_second: float = 0.0
    delete: bool = False
    once: bool = False


def push(options: Pushing, key_file: Path | None) -> int:
    """`watcher push`, with the key of a file, else of the environment. Raises StartError if it cannot be read."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        key = key_file.read_text(encoding="ascii").strip() if key_file else os.environ.get("WATCHER_KEY")
    except (OSError, UnicodeDecodeError) as reason:
        raise StartError(f"the key in {key_file} cannot be read: {reason}") from reason
    return Push(replace(options, key=key)).run()


class File(NamedTuple):
    """A clip that is to be sent."""

    name: str  # below the folder
    size_bytes: int
    mtime_ns: int


class Push:
    """The loop."""

    def __init__(self, options: Pushing) -> None:
        self._options = options
        self._ignoring = Ignoring()
        self._sender = Sender(options.url, key=options.key, bytes_a_second=options.bytes_a_second)
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}  # how files looked, and since when
        self._wake = threading.Event()
        self._stopping = False
        self._settling = False
        self._look_seconds = LOOK_SECONDS

    def run(self) -> int:
        """Send until `stop`, or with `once` until all is sent; 1 if something was refused. Raises StartError."""
        if not self._options.folder.is_dir():
            raise StartError(f"{self._options.folder} is no folder")
        if self._options.camera is not None:
            camera_name(self._options.camera)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        self._options.journal.parent.mkdir(parents=True, exist_ok=True)
        lock = self._options.journal.with_suffix(".lock")
        with (
            only_one(lock, "another push uses this journal"),
            contextlib.closing(Journal(self._options.journal)) as journal,
            self._watching(),
        ):
            return self._loop(journal)

    def stop(self, *_: object) -> None:
        """End soon; what is under way goes on there next time."""
        self._stopping = True
        self._wake.set()

    def _loop(self, journal: Journal) -> int:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                refused = self._turn(journal)
                failures = 0
            except AwayError as reason:
                failures += 1
                if self._options.once and (failures == ATTEMPTS_ONCE or isinstance(reason, DeniedError)):
                    raise StartError(str(reason)) from reason
                pause = backoff(failures)
                log.warning("%s; again in %.0f s", reason, pause)
                until = time.monotonic() + pause
                while not self._stopping and time.monotonic() < until:  # events do not make the network better
                    self._wake.wait(until - time.monotonic())
                    self._wake.clear()
                continue
            if self._options.once and not self._settling:
                return 1 if refused else 0
            self._wake.wait(SETTLING_SECONDS if self._settling else self._look_seconds)
        return 0

    def _turn(self, journal: Journal) -> int:
        """Send what is there and not sent, newest first; how many the server refuses. Raises AwayError."""
        refused = 0
        self._settling = False
        due = []
        for file in self._files():
            entry = journal.entry(*file)
            if entry is not None and entry.state == "sent" and not self._options.delete:
                continue
            if entry is not None and entry.state == "refused":
                refused += 1
            else:
                due.append((file, entry))
        due.sort(key=lambda pair: pair[0].mtime_ns, reverse=True)
        later: dict[str, LaterError] = {}  # why cameras have to wait; others need not
        for file, entry in due:
            camera = self._place(file)[0]
            if self._stopping:
                break
            if camera in later:
                continue
            try:
                if entry is not None and entry.state == "sent":
                    self._remove_later(file, journal)
                elif self._settled(file):
                    refused += not self._send(file, entry, journal)
                else:
                    self._settling = True
            except LaterError as reason:
                later[camera] = reason
        for why in later.values():
            raise why
        return refused

    def _place(self, file: File) -> tuple[str, str]:
        """The camera of a clip, and its name there."""
        if self._options.camera is not None:
            return self._options.camera, file.name
        camera, _, name = file.name.partition("/")
        return camera, name

    def _send(self, file: File, entry: Entry | None, journal: Journal) -> bool:
        """Send one clip; False if the server refuses it. Raises AwayError."""
        camera, name = self._place(file)
        look = (file.size_bytes, file.mtime_ns)

        def begun(address: str) -> None:
            journal.note(file.name, Entry(*look, "sending", address, None))

        try:
            with progress_bar(file.name, file.size_bytes) as progress:
                path = self._options.folder / file.name
                self._sender.send(
                    path, camera, name, address=entry.address if entry else None, begun=begun, tell=progress
                )
        except FileNotFoundError:
            return True
        except RefusedError as reason:
            log.error("%s is refused: %s", printable(file.name), reason)
            journal.note(file.name, Entry(*look, "refused", None, str(reason)))
            return False
        journal.note(file.name, Entry(*look, "sent", None, None))
        log.info("%s was sent", printable(file.name))
        self._remove(file, journal)
        return True

    def _remove_later(self, file: File, journal: Journal) -> None:
        """Remove a clip of which it is noted that it was sent, if the server has it now. Raises AwayError."""
        try:
            if self._sender.confirm(self._options.folder / file.name, *self._place(file)):
                self._remove(file, journal)
                return
        except FileNotFoundError:
            return
        except RefusedError:
            pass  # other bytes have its name there
        log.warning("%s was sent, and is not there; sending it again", printable(file.name))
        journal.forget(file.name)
        self._settling = True  # there is more to do at once

    def _remove(self, file: File, journal: Journal) -> None:
        """Remove a clip that the server has just confirmed, if that was asked for and it is still the same here."""
        if not self._options.delete:
            return
        path = self._options.folder / file.name
        with contextlib.suppress(FileNotFoundError):
            look = path.stat()
            if (look.st_size, look.st_mtime_ns) == (file.size_bytes, file.mtime_ns):
                path.unlink()
                journal.forget(file.name)
                log.info("%s was removed here", printable(file.name))

    def _files(self) -> Iterator[File]:
        """Every clip below the folder."""
        for base, folders, names in os.walk(self._options.folder):
            prefix = os.path.relpath(base, self._options.folder).replace(os.sep, "/")
            prefix = "" if prefix == "." else prefix + "/"
            folders[:] = sorted(name for name in folders if self._ignoring.folder(name) is None)
            for name in names:
                key = prefix + name
                if name.rpartition(".")[2].lower() not in SUFFIXES or self._ignoring.file(key) is not None:
                    continue
                if self._options.camera is None and not prefix:
                    continue  # it lies in no camera's folder
                with contextlib.suppress(OSError):
                    look = Path(base, name).stat(follow_symlinks=False)
                    yield File(key, look.st_size, look.st_mtime_ns)

    def _settled(self, file: File) -> bool:
        """Whether a file may be taken for whole, by the same rule as on the server."""
        now = time.monotonic()
        look = (file.size_bytes, file.mtime_ns)
        seen = self._seen.get(file.name)
        if seen is None or seen[0] != look:
            seen = self._seen[file.name] = (look, now)
        try:
            descriptor = os.open(self._options.folder / file.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            writer_now = writer(descriptor)
            try:
                # What ends in reserved space may still be growing.
                whole = not read_movie(descriptor, file.size_bytes).trailing_bytes
            except BrokenClipError:
                whole = False
        finally:
            os.close(descriptor)
        needed = quiet_needed(writer=writer_now, whole=whole, settle_seconds=self._options.settle_seconds)
        age = time.time() - file.mtime_ns / 1e9
        settled = needed is not None and needed <= quiet(now - seen[1], age, self._options.settle_seconds)
        if settled:
            self._seen.pop(file.name, None)
        return settled

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """Events wake the loop; without them it looks around by itself, and more often."""
        if self._options.once:
            yield
            return
        with watching(self._options.folder, self._wake.set) as why_not:
            if why_not is not None:
                self._look_seconds = BLIND_SECONDS
                log.warning("no file events (%s): looking every %.0f s", why_not, BLIND_SECONDS)
            yield
