"""The one road by which a file becomes a clip.

    event, scan, `watcher scan`, upload ─▶ examine (look, writer, probe) ─▶ catalog.put, in batches

The order of writes: the file is on disk first, then its row. A crash between the two leaves a file without a row,
which the next scan finds; there is never a row without a file that was seen. Twice is the same as once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from watcher.catalog import Catalog, Probed
from watcher.catalog.rows import Namesake, signed
from watcher.clip import LENGTH_LIMIT_SECONDS, Clip, ClipState, Fingerprint, TimeQuality, TimeSource
from watcher.clock import Clock
from watcher.errors import BrokenClipError
from watcher.ignoring import printable
from watcher.instant import Instant, at_zone
from watcher.naming import Naming, plausible
from watcher.probe import Probe, playable, probe
from watcher.settle import Writer, quiet_needed, writer
from watcher.storage import Look, VideoRoot, digest

log = logging.getLogger(__name__)


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
    ) -> None:
        self.root = root
        self.catalog = catalog
        self.settle_seconds = settle_seconds
        # False where other machines write: the kernel's answer about writers would be about this machine alone.
        self.trust_writers = trust_writers
        self._clock = clock
        self.naming = naming

    def examine(
        self,
        key: str,
        *,
        seen: tuple[Look, float] | None = None,
        closed: bool = False,
        finished: bool = False,
    ) -> Probed | Waiting | NotClip | None:
        """Probe a file if it has settled; None if it is no file (any more).

        `seen` is how it looked before, and the monotonic time since which it had looked so; `closed` says that
        an event told of its close, which counts where the kernel cannot be asked about writers; `finished`, that
        whoever writes it has told us so.
        A file that cannot be read is catalogued as broken, and every scan tries it again.
        """
        try:
            look = self.root.look(key)
        except OSError as reason:
            log.warning("%s cannot be looked at: %s", printable(key), reason.strerror)
            return None
        if look is None:
            return None
        try:
            quiet_since = seen[1] if seen is not None and seen[0] == look else None
            return self._examine(look, quiet_since, closed=closed, finished=finished)
        except FileNotFoundError:
            return None
        except OSError as reason:
            if self.root.look(key) is None:
                return None
            # Its time is noted as 0, so that each scan takes it for changed: a chmod does not change a file's time.
            error = f"cannot be read: {reason.strerror}"
            probed = self._probed(look, f"unread-{look.inode}", Probe(whole=False, error=error))
            return msgspec.structs.replace(probed, fingerprint=Fingerprint(look.size_bytes, 0))

    def put(self, batch: Sequence[Probed]) -> Put:
        """Catalog what was examined; clips that moved keep their id."""
        if not batch:
            return Put(0, [])
        probed, left = self._with_moves(batch)
        return Put(self.catalog.put(probed, now=self._clock.now()), left)

    def adopt(self, key: str, *, camera: str, start: Instant | None) -> Clip:
        """Catalog a whole file that was just committed, and what was said of it. Raises BrokenClipError.

        What was said stands before what the name tells, as a person's correction does.
        """
        found = self.examine(key, finished=True)
        if not isinstance(found, Probed):
            raise BrokenClipError(f"{key} changed while it was taken in")
        self.put([msgspec.structs.replace(found, said_camera=camera, said_start=start)])
        clip = self.catalog.by_key(key)
        if clip is None:
            raise BrokenClipError(f"{key} was removed while it was taken in")
        return clip

    def _examine(
        self, look: Look, quiet_since: float | None, *, closed: bool, finished: bool
    ) -> Probed | Waiting | NotClip:
        fd = self.root.open(look.key)
        try:
            who = Writer.NONE if finished else self.who_writes(fd, closed=closed)
            if who is Writer.OPEN:
                return Waiting(look, None)
            found = probe(fd, look.size_bytes, look.key.rpartition(".")[2])
            if not (found.recognised or self.root.ignoring.is_clip(look.key) or self.catalog.by_key(look.key)):
                return NotClip(look, f"its bytes are no film's ({found.error})")
            needed = quiet_needed(writer=who, whole=found.whole, settle_seconds=self.settle_seconds)
            if needed is None or needed > self._quiet(look, quiet_since):
                return Waiting(look, needed)
            content = digest(fd, look.size_bytes)
            after = os.fstat(fd)
        finally:
            os.close(fd)
        seen = Fingerprint(after.st_size, after.st_mtime_ns)
        if seen != look.fingerprint or look.inode not in {0, after.st_ino}:
            return Waiting(look, self.settle_seconds)  # it changed while it was read
        return self._probed(look, content, found, changed_ns=after.st_ctime_ns)

    def who_writes(self, fd: int, *, closed: bool = False) -> Writer:
        """Whether somebody writes an open file; `closed` says that an event told of its close."""
        if not self.trust_writers:
            return Writer.UNKNOWN
        who = writer(fd)
        return Writer.NONE if who is Writer.UNKNOWN and closed else who

    def _quiet(self, look: Look, since: float | None) -> float:
        """For how many seconds a file has looked as it does, as far as we saw or its own time tells.

        Its time is believed only when it is long ago: clocks differ between machines by less than that.
        """
        seen = 0.0 if since is None else self._clock.monotonic() - since
        age = self._clock.now().timestamp() - look.mtime_ns / 1e9
        return max(seen, age) if age > 10 * self.settle_seconds + 60 else seen

    def _probed(self, look: Look, content: str, found: Probe, *, changed_ns: int = 0) -> Probed:
        modified_at = time_of(look.mtime_ns)
        seconds = min(found.duration_seconds or 0, LENGTH_LIMIT_SECONDS)
        reading = self.naming.read(look.key, modified_at=modified_at, duration_seconds=seconds)
        start, source = reading.start, TimeSource.NAME
        if start is None and found.created_at and plausible(found.created_at, modified_at):
            start, source = at_zone(found.created_at, reading.zone, TimeQuality.GUESSED), TimeSource.CONTAINER
        if start is None:  # the last write was at the end of the recording
            at = modified_at - timedelta(seconds=seconds)
            start, source = at_zone(at, reading.zone, TimeQuality.GUESSED), TimeSource.MTIME
        verdict, reason = playable(found.media) if found.media else (None, None)
        state = ClipState.BROKEN if found.error else ClipState.NEW if found.needs_decoder else ClipState.READY
        return Probed(
            key=look.key,
            camera=reading.camera,
            state=state,
            started_at=start.at,
            ended_at=reading.end_at,
            offset_seconds=start.offset_seconds,
            time_source=source,
            time_quality=start.quality,
            duration_seconds=found.duration_seconds,
            fingerprint=look.fingerprint,
            inode=look.inode,
            changed_ns=changed_ns,
            digest=content,
            media=None if found.media is None else msgspec.json.encode(found.media).decode(),
            playable=verdict,
            playable_reason=reason,
            error=found.error,
        )

    def moment(self, key: str, mtime_ns: int) -> float:
        """About when a recording began, in seconds since 1970: from its name, else the file's time."""
        modified_at = time_of(mtime_ns)
        start = self.naming.read(key, modified_at=modified_at).start
        return (start.at if start else modified_at).timestamp()

    def _with_moves(self, batch: Sequence[Probed]) -> tuple[list[Probed], list[str]]:
        """The batch with `moved_from` where a new key holds the content of a clip that left its own; the keys left.

        The same inode is the surest sign; then a missing clip of that content, the one of the same file name
        first. Asked before the transaction, since it looks at the disk; `put` checks again by key.
        """
        known = self.catalog.known_keys([probed.key for probed in batch])
        fresh = [probed for probed in batch if probed.key not in known]
        if not fresh:
            return list(batch), []
        by_content: dict[str, list[Namesake]] = {}
        for one in self.catalog.namesakes([(probed.digest, probed.inode) for probed in fresh]):
            by_content.setdefault(one.digest, []).append(one)
        taken: dict[int, str] = {}
        result = []
        for probed in batch:
            best = None
            if probed.key not in known and probed.digest in by_content:
                best = self._moved(probed, [one for one in by_content[probed.digest] if one.id not in taken])
            if best is None:
                result.append(probed)
            else:
                taken[best.id] = best.key
                result.append(msgspec.structs.replace(probed, moved_from=best.id))
        return result, list(taken.values())

    def _moved(self, probed: Probed, candidates: list[Namesake]) -> Namesake | None:
        """The clip that a file was, if it is one that lies here no more."""
        name = probed.key.rpartition("/")[2]
        inode = signed(probed.inode)
        candidates.sort(key=lambda one: (one.inode != inode, one.key.rpartition("/")[2] != name))
        for one in candidates[:16]:
            if (one.inode != inode or not inode) and probed.state is ClipState.BROKEN:
                continue  # empty and zero-filled files are all alike: their content names nobody
            if one.state == "missing":
                return one
            try:
                there = self.root.look(one.key)
            except OSError:
                continue
            if there is None or (one.inode == inode and there.inode != probed.inode):
                return one
        return None


def time_of(mtime_ns: int) -> datetime:
    """A file's time; 1970 for one that no calendar has."""
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime(1970, 1, 1, tzinfo=UTC)
