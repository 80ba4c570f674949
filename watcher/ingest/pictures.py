"""Pictures that cameras leave beside their clips: each becomes the poster of the clip that it shows.

    event, scan ─▶ add ─▶ look (whole?) ─▶ a clip of it? ─▶ its row says so ─▶ the renderer makes the poster from it
                                              └ not yet: kept in mind until its clip comes

Most cameras send the picture when something begins and the clip when it has ended. What is kept in mind is lost
with the process, and the eldest beyond a thousand are forgotten: scans tell of them again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from watcher.catalog import Catalog, Probed
from watcher.ingest.describe import time_of
from watcher.ingest.ingest import Ingest
from watcher.model.clock import Clock
from watcher.naming.ignore import unusable
from watcher.naming.presets import stem_of
from watcher.services import Services
from watcher.storage.look import Look
from watcher.storage.settle import quiet_needed
from watcher.storage.video_root import VideoRoot

BEFORE = timedelta(seconds=5)  # a picture may be taken so long before its clip begins
UNMATCHED = 1000  # pictures without a clip that are kept in mind, the latest
TURN = 200  # that are asked of the catalog at once
RECHECK_SECONDS = 0.5
OLD = timedelta(days=1)  # a picture that has had no clip for so long gets none any more


class Picture(msgspec.Struct, frozen=True):
    """What a picture's name tells."""

    key: str
    camera: str
    at: datetime  # UTC


class Unsettled(msgspec.Struct, frozen=True):
    """A picture that may still be written."""

    look: Look
    since: float  # monotonic: it has looked so
    due: float  # to be looked at again


class Unmatched:
    """The latest pictures that have no clip yet."""

    def __init__(self) -> None:
        self._by_stem: dict[str, Picture] = {}
        self._by_camera: dict[str, dict[str, Picture]] = {}
        self.forgot = False  # some of them, for there were too many

    def add(self, picture: Picture) -> None:
        """Remember a picture, and forget the eldest where there are too many."""
        stem = stem_of(picture.key)
        if (earlier := self._by_stem.get(stem)) is not None:
            self._drop(earlier)
        self._by_stem[stem] = picture
        self._by_camera.setdefault(picture.camera, {})[picture.key] = picture
        if len(self._by_stem) > UNMATCHED:
            self._drop(next(iter(self._by_stem.values())))
            self.forgot = True

    def take(self, clip: Probed) -> Picture | None:
        """The picture of a clip, which then waits no more: of the same name, or taken while it was recorded."""
        if not self._by_stem:
            return None
        picture = self._by_stem.get(stem_of(clip.key))
        if picture is None:
            end = clip.started_at + timedelta(seconds=clip.duration_seconds or 0)
            there = self._by_camera.get(clip.camera, {}).values()
            picture = next(
                (candidate for candidate in there if clip.started_at - BEFORE <= candidate.at <= end), None
            )
        if picture is not None:
            self._drop(picture)
        return picture

    def _drop(self, picture: Picture) -> None:
        del self._by_stem[stem_of(picture.key)]
        of_camera = self._by_camera[picture.camera]
        del of_camera[picture.key]
        if not of_camera:
            del self._by_camera[picture.camera]


class Pictures:
    """Finds the clip of each picture; used from one thread."""

    def __init__(self, *, root: VideoRoot, catalog: Catalog, ingest: Ingest, clock: Clock) -> None:
        self._root = root
        self._catalog = catalog
        self._ingest = ingest
        self._clock = clock
        self._fresh: deque[str] = deque()
        self._unsettled: dict[str, Unsettled] = {}
        self._unmatched = Unmatched()
        self.old_too = True  # until all that lay there at start has been seen once

    @classmethod
    def of(cls, services: Services, ingest: Ingest) -> Pictures:
        """The service's own."""
        return cls(root=services.root, catalog=services.catalog, ingest=ingest, clock=services.clock)

    def add(self, key: str) -> None:
        """Note that a picture may have changed."""
        if unusable(key) is None:  # a name that is not UTF-8 would fail every question to the catalog
            self._fresh.append(key)

    def next_at(self) -> float | None:
        """When there is something to do, monotonic: 0 for at once, None for nothing."""
        if self._fresh:
            return 0.0
        return min((unsettled.due for unsettled in self._unsettled.values()), default=None)

    def turn(self) -> int:
        """Find the clips of some pictures. Returns how many clips got one."""
        now = self._clock.monotonic()
        some = [self._fresh.popleft() for _ in range(min(TURN, len(self._fresh)))]
        some += [key for key, unsettled in self._unsettled.items() if unsettled.due <= now][:TURN]
        if not some:
            return 0
        with_clip = self._catalog.files.pictured(some)
        count = 0
        for key in dict.fromkeys(some):
            picture = None if key in with_clip else self._read(key, now)
            if picture is None:
                continue
            clip_id = self._catalog.files.clip_of_picture(stem_of(key), picture.camera, picture.at, before=BEFORE)
            if clip_id is None:
                self._unmatched.add(picture)
            else:
                count += self._catalog.renditions.set_picture(clip_id, key)
        return count

    def match(self, batch: Sequence[Probed]) -> int:
        """Give clips that were just catalogued the pictures that waited for them. Returns how many got one."""
        count = 0
        for probed in batch:
            picture = self._unmatched.take(probed)
            clip = None if picture is None else self._catalog.clips.by_key(probed.key)
            if picture is not None and clip is not None:
                count += self._catalog.renditions.set_picture(clip.id, picture.key)
        return count

    def scanned(self, *, changed: bool) -> bool:
        """A scan has told of all pictures; whether another is needed, since clips came after too many of them."""
        forgot, self._unmatched.forgot = self._unmatched.forgot, False
        self.old_too = self.old_too and changed
        return changed and forgot

    def _read(self, key: str, now: float) -> Picture | None:
        """What a picture tells, once it is whole; None if it is not, or tells nothing."""
        before = self._unsettled.pop(key, None)
        try:
            look = self._root.look(key)
            if look is None or look.size_bytes == 0:
                return None
            since = before.since if before is not None and before.look == look else now
            if not self._settled(look, since):
                self._unsettled[key] = Unsettled(look, since, now + RECHECK_SECONDS)
                return None
        except OSError:
            return None
        modified_at = time_of(look.mtime_ns)
        if not self.old_too and self._clock.now() - modified_at > OLD:
            return None
        reading = self._ingest.naming.read(key, modified_at=modified_at)
        return None if reading.start is None else Picture(key, reading.camera, reading.start.at)

    def _settled(self, look: Look, since: float) -> bool:
        """Whether nobody writes it, by the rule for clips; it has looked so since a monotonic time."""
        fd = self._root.open(look.key)
        try:
            writing = self._ingest.who_writes(fd)
        finally:
            os.close(fd)
        needed = quiet_needed(writer=writing, whole=True, settle_seconds=self._ingest.settle_seconds)
        return needed is not None and needed <= self._ingest.quiet(look, since)
