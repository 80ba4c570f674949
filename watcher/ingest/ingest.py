"""The one road by which a file becomes a clip.

    event, scan, `watcher scan`, upload ─▶ examine (look, writer, probe, describe) ─▶ catalog.writes.put, in batches

The order of writes: the file is on disk first, then its row. A crash between the two leaves a file without a row,
which the next scan finds; there is never a row without a file that was seen. Twice is the same as once.

A file costs at most its own probe: what is wrong with it is caught here, around its reading (`examining`) and
around its row (`put`), and makes it a broken clip that says so. What is wrong with the database is raised.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, Protocol, cast

import msgspec

from watcher.catalog import Catalog, Probed, trouble
from watcher.ingest.bind import bind
from watcher.ingest.describe import described, read_name, set_aside, time_of
from watcher.ingest.moves import with_moves
from watcher.media.probe import Probe, probing
from watcher.media.walk import finished as at_once
from watcher.model.clip import Clip, Fingerprint
from watcher.model.clock import Clock
from watcher.model.errors import BrokenClipError, RowError
from watcher.model.instant import Instant
from watcher.naming.ignore import printable
from watcher.naming.reader import Naming
from watcher.services import Services
from watcher.storage.content import digest
from watcher.storage.look import Look, bounded, look_of
from watcher.storage.mounts import on_network
from watcher.storage.settle import Writer, quiet, quiet_needed, writer
from watcher.storage.video_root import VideoRoot

log = logging.getLogger("watcher.ingest")

UNREADABLE = "cannot be read"  # how the reason begins where the system refuses, or memory is short: tried again
FAILED = "could not be read"  # … and where the file made the reader fail: tried again when it changes


class Waiting(msgspec.Struct, frozen=True):
    """The file may still be written: look again once it has been quiet for so long (None: once it is closed)."""

    look: Look
    quiet_seconds: float | None


class NotClip(msgspec.Struct, frozen=True):
    """A file without a clip's suffix whose bytes are no film either."""

    look: Look
    why: str


class Put(NamedTuple):
    """What came of a batch."""

    changed: int  # rows
    left: list[str]  # keys that clips left behind when they moved
    aside: dict[str, str]  # keys that the catalog refused, and why: they are broken clips now …
    refused: set[str]  # … but for these, which it takes in no form


Outcome = Probed | Waiting | NotClip | None  # what came of looking into a file; None: there is none (any more)


class Guard(Protocol):
    """Who is told which file is in hand, and knows which ones are not to be read (see `set_aside.py`)."""

    def take(self, key: str, size_bytes: int, mtime_ns: int) -> None:
        """Note that a file is being read from now on."""

    def drop(self) -> None:
        """No file is read."""

    def why(self, key: str, fingerprint: Fingerprint) -> str | None:
        """Why a file is not to be read."""


class Ingest:
    """Examines files and catalogs the settled ones."""

    def __init__(
        self,
        *,
        root: VideoRoot,
        catalog: Catalog,
        clock: Clock,
        naming: Naming,
        settle_seconds: float,
        trust_writers: bool,
        bind: Callable[[], object] = lambda: None,
    ) -> None:
        """`bind` ties the catalog to its root; it is called once, before the first clip is catalogued."""
        self.root = root
        self.catalog = catalog
        self.settle_seconds = settle_seconds
        # False where other machines write: the kernel's answer about writers would be about this machine alone.
        self.trust_writers = trust_writers
        self.guard: Guard | None = None
        self._bind: Callable[[], object] | None = bind
        self._clock = clock
        self.naming = naming

    @classmethod
    def of(cls, services: Services) -> Ingest:
        """The service's own."""
        settings, places = services.settings, services.places
        return cls(
            root=services.root,
            catalog=services.catalog,
            clock=services.clock,
            naming=settings.name_reader(),
            settle_seconds=settings.video.settle_seconds,
            trust_writers=settings.video.watch != "poll" and not on_network(places.video),
            bind=lambda: bind(services.root, services.catalog, places.run),
        )

    def examine(
        self,
        key: str,
        *,
        seen: tuple[Look, float] | None = None,
        closed: bool = False,
        finished: bool = False,
    ) -> Outcome:
        """Probe a file if it has settled; None if it is no file (any more).

        `seen` is how it looked before, and the monotonic time since which it had looked so; `closed` says that
        an event told of its close, which counts where the kernel cannot be asked about writers; `finished`, that
        whoever writes it has told us so.
        A file that cannot be read is catalogued as broken, and every scan tries it again.
        """
        return at_once(self.examining(key, seen=seen, closed=closed, finished=finished))

    def examining(
        self,
        key: str,
        *,
        seen: tuple[Look, float] | None = None,
        closed: bool = False,
        finished: bool = False,
        again: bool = False,
    ) -> Generator[None, None, Outcome]:
        """Examine a file in slices: a generator that pauses every 10 ms of a long index, and returns the outcome.

        Whatever the file holds or claims, nothing of it is raised: what goes wrong with it makes it a broken clip.
        `again` has a file read that was set aside.
        """
        try:
            look = self.root.look(key)
        except (OSError, ValueError) as reason:
            log.warning("%s cannot be looked at: %s", printable(key), getattr(reason, "strerror", reason))
            return None
        if look is None:
            return None
        guard = self.guard
        if guard is not None and not again and (why := guard.why(key, look.fingerprint)) is not None:
            return self._aside(look.key, look.fingerprint, look.inode, why)
        try:
            quiet_since = seen[1] if seen is not None and seen[0] == look else None
            outcome = yield from self._examine(look, quiet_since, closed=closed, finished=finished)
        except FileNotFoundError:
            return None
        except (OSError, MemoryError) as reason:
            if self._is_gone(key):
                return None
            # Its time is noted as 0, so that each scan takes it for changed: a chmod does not change a file's time.
            what = reason.strerror if isinstance(reason, OSError) else "there is not enough memory"
            return self._aside(key, Fingerprint(look.size_bytes, 0), look.inode, f"{UNREADABLE}: {what}")
        except Exception as reason:
            if trouble(reason) is not None:
                raise
            return self._aside(key, look.fingerprint, look.inode, f"{FAILED}: {_first_line(reason)}")
        return outcome

    def put(self, batch: Sequence[Probed]) -> Put:
        """Catalog what was examined; clips that moved keep their id.

        What the catalog refuses of one file costs the others nothing: the batch is halved until the culprit is
        alone, and that one is set aside as broken.
        """
        if not batch:
            return Put(0, [], {}, set())
        if self._bind is not None:
            self._bind()
            self._bind = None
        probed, left = with_moves(batch, self.root, self.catalog)
        put = Put(0, left, {}, set())
        return put._replace(changed=self._put(probed, put))

    def _put(self, batch: Sequence[Probed], put: Put) -> int:
        """Put some of a batch, and note in `put` what is refused; how many rows changed."""
        try:
            return self.catalog.writes.put(batch, now=self._clock.now())
        except RowError as reason:
            if len(batch) > 1:
                half = len(batch) // 2
                return self._put(batch[:half], put) + self._put(batch[half:], put)
            probed, why = batch[0], f"could not be catalogued: {reason}"
        log.error("%s %s", printable(probed.key), why)
        put.aside[probed.key] = why
        try:
            aside = self._aside(probed.key, probed.fingerprint, probed.inode, why)
            return self.catalog.writes.put([aside], now=self._clock.now())
        except RowError:
            put.refused.add(probed.key)
            return 0

    def adopt(self, key: str, *, camera: str, start: Instant | None) -> Clip:
        """Catalog a whole file that was just committed, and what was said of it. Raises BrokenClipError.

        What was said stands before what the name tells, as a person's correction does.
        """
        outcome = self.examine(key, finished=True)
        if not isinstance(outcome, Probed):
            raise BrokenClipError(f"{key} changed while it was taken in")
        put = self.put([msgspec.structs.replace(outcome, sender_camera=camera, sender_start=start)])
        if put.refused:
            raise BrokenClipError(f"{key} {put.aside[key]}")
        clip = self.catalog.clips.by_key(key)
        if clip is None:
            raise BrokenClipError(f"{key} was removed while it was taken in")
        return clip

    def _examine(
        self, look: Look, quiet_since: float | None, *, closed: bool, finished: bool
    ) -> Generator[None, None, Probed | Waiting | NotClip]:
        fd = self.root.open(look.key)
        try:
            writing = Writer.NONE if finished else self.who_writes(fd, closed=closed)
            if writing is Writer.OPEN:
                return Waiting(look, None)
            probe = yield from self._probe(fd, look)
            ours = probe.recognised or self.root.ignoring.is_clip(look.key)
            if not (ours or self.catalog.clips.by_key(look.key)):
                return NotClip(look, f"its bytes are no film's ({probe.error})")
            needed = quiet_needed(writer=writing, whole=probe.whole, settle_seconds=self.settle_seconds)
            if needed is None or needed > self.quiet(look, quiet_since):
                return Waiting(look, needed)
            content = digest(fd, look.size_bytes)
            status = os.fstat(fd)
            after = look_of(look.key, status)
        finally:
            os.close(fd)
        if after.fingerprint != look.fingerprint or look.inode not in {0, after.inode}:
            return Waiting(look, self.settle_seconds)  # it changed while it was read
        return described(look, content, probe, self.naming, changed_ns=bounded(status.st_ctime_ns))

    def _probe(self, fd: int, look: Look) -> Generator[None, None, Probe]:
        """Read a file's index, with its name noted while it is read."""
        guard = self.guard
        steps = probing(fd, look.size_bytes, look.key.rpartition(".")[2])
        while True:
            if guard is not None:
                guard.take(look.key, look.size_bytes, look.mtime_ns)
            try:
                next(steps)
            except StopIteration as done:
                return cast("Probe", done.value)
            finally:
                if guard is not None:
                    guard.drop()
            yield

    def moment(self, key: str, mtime_ns: int) -> float:
        """About when a recording began, in seconds since 1970: from its name, else the file's time."""
        modified_at = time_of(mtime_ns)
        start = read_name(key, modified_at, None, self.naming).start
        return (start.at if start else modified_at).timestamp()

    def _aside(self, key: str, fingerprint: Fingerprint, inode: int, why: str) -> Probed:
        return set_aside(key, fingerprint, inode, why, self.naming)

    def _is_gone(self, key: str) -> bool:
        try:
            return self.root.look(key) is None
        except OSError:
            return False

    def who_writes(self, fd: int, *, closed: bool = False) -> Writer:
        """Whether somebody writes an open file; `closed` says that an event told of its close."""
        if not self.trust_writers:
            return Writer.UNKNOWN
        writing = writer(fd)
        return Writer.NONE if writing is Writer.UNKNOWN and closed else writing

    def quiet(self, look: Look, since: float | None) -> float:
        """For how many seconds a file has looked as it does; `since` is monotonic: since when we saw it so."""
        seen = 0.0 if since is None else self._clock.monotonic() - since
        return quiet(seen, self._clock.now().timestamp() - look.mtime_ns / 1e9, self.settle_seconds)


def _first_line(reason: Exception) -> str:
    text = str(reason).partition("\n")[0][:200]
    return f"{type(reason).__name__}{f', {text}' if text else ''}"
