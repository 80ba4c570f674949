"""From a look and a probe to what the catalog is told of a file: camera, start, length, state."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import msgspec

from watcher.catalog import Probed
from watcher.media.probe import Probe, playable
from watcher.model.clip import ClipState, Fingerprint, TimeQuality, TimeSource
from watcher.model.instant import at_zone
from watcher.model.limits import LENGTH_LIMIT_SECONDS
from watcher.naming.ignore import printable
from watcher.naming.reader import UNSORTED, Naming, Reading, plausible
from watcher.storage.look import Look

log = logging.getLogger("watcher.describe")


def described(look: Look, content: str, probe: Probe, naming: Naming, *, changed_ns: int = 0) -> Probed:
    """A file that was read; `content` is its digest."""
    modified_at = time_of(look.mtime_ns)
    seconds = min(probe.duration_seconds or 0, LENGTH_LIMIT_SECONDS)
    reading = read_name(look.key, modified_at, seconds, naming)
    start, source = reading.start, TimeSource.NAME
    if start is None and probe.created_at and plausible(probe.created_at, modified_at):
        start, source = at_zone(probe.created_at, reading.zone, TimeQuality.GUESSED), TimeSource.CONTAINER
    if start is None:  # the last write was at the end of the recording
        at = modified_at - timedelta(seconds=seconds)
        start, source = at_zone(at, reading.zone, TimeQuality.GUESSED), TimeSource.MTIME
    verdict, reason = playable(probe.media) if probe.media else (None, None)
    state = ClipState.BROKEN if probe.error else ClipState.NEW if probe.needs_decoder else ClipState.READY
    return Probed(
        key=look.key,
        camera=reading.camera,
        state=state,
        started_at=start.at,
        ended_at=reading.end_at,
        offset_seconds=start.offset_seconds,
        time_source=source,
        time_quality=start.quality,
        duration_seconds=probe.duration_seconds,
        fingerprint=look.fingerprint,
        inode=look.inode,
        changed_ns=changed_ns,
        digest=content,
        media=None if probe.media is None else msgspec.json.encode(probe.media).decode(),
        playable=verdict,
        playable_reason=reason,
        error=probe.error,
    )


def set_aside(key: str, fingerprint: Fingerprint, inode: int, why: str, naming: Naming) -> Probed:
    """A file as a broken clip, with what can be said of it without reading it."""
    modified_at = time_of(fingerprint.mtime_ns)
    reading = read_name(key, modified_at, None, naming)
    start = reading.start or at_zone(modified_at, reading.zone, TimeQuality.GUESSED)
    return Probed(
        key=key,
        camera=reading.camera,
        state=ClipState.BROKEN,
        started_at=start.at,
        offset_seconds=start.offset_seconds,
        time_source=TimeSource.NAME if reading.start else TimeSource.MTIME,
        time_quality=start.quality,
        duration_seconds=None,
        fingerprint=fingerprint,
        inode=inode,
        digest=f"unread-{inode}",
        media=None,
        playable=None,
        playable_reason=None,
        error=why,
    )


def read_name(key: str, modified_at: datetime, seconds: float | None, naming: Naming) -> Reading:
    """What a name tells; where reading it fails, what its folder tells."""
    try:
        return naming.read(key, modified_at=modified_at, duration_seconds=seconds)
    except Exception:
        log.exception("the name of %s cannot be read", printable(key))
        return Reading(key.partition("/")[0] if "/" in key else UNSORTED, UTC)


def time_of(mtime_ns: int) -> datetime:
    """A file's time, as `look_of` bounds it.

    >>> time_of(-(1 << 63)).year, time_of((1 << 63) - 1).year
    (1677, 2262)
    """
    return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
