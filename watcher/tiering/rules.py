"""Which clips go to a store now, by the settings; asking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from watcher.catalog import Catalog
from watcher.catalog.rendition_names import PICTURE, SPRITE
from watcher.catalog.stored import Lying
from watcher.model.clip import milliseconds
from watcher.settings.schema import Render
from watcher.settings.stores import Tiering

RETURNED_STAY = timedelta(days=7)  # what somebody wanted back does not go again at once


class TierRules:
    """The rules in force."""

    def __init__(self, tiering: Tiering, catalog: Catalog, render: Render) -> None:
        self._tiering = tiering
        # Pictures are made first, those that are made at all.
        self._made = (0, *([PICTURE, SPRITE] if not render.workers else [] if render.sprites else [SPRITE]))
        self._catalog = catalog
        self._of_labels = {table.label: table.after_days for table in tiering.labels}
        self._of_cameras = {table.camera: table for table in tiering.cameras}

    def going(self, now: datetime) -> Iterator[Lying]:
        """What is to go, the oldest first: by age, then what is over a camera's bytes, then over all bytes."""
        yield from self._by_age(now)
        limits = [
            (table.camera, table.keep_local_bytes) for table in self._tiering.cameras if table.keep_local_bytes
        ]
        if limits or self._tiering.keep_local_bytes:
            used = self._catalog.stored.local_bytes()  # after what went by age
            for camera, most in limits:
                for clip in self._over(used.get(camera, 0) - most, camera, now):
                    used[camera] -= clip.size_bytes
                    yield clip
            if self._tiering.keep_local_bytes:
                yield from self._over(sum(used.values()) - self._tiering.keep_local_bytes, None, now)

    def more_soon(self) -> bool:
        """Whether clips may be to go that have not got their pictures yet."""
        return self._catalog.stored.awaits_pictures(self._made)

    def _by_age(self, now: datetime) -> Iterator[Lying]:
        """What is older than its own rule says; by the shortest of all nothing newer has to be looked at."""
        ages = [self._tiering.after_days, *self._of_labels.values()]
        ages += [table.after_days for table in self._tiering.cameras]
        shortest = min((age for age in ages if age), default=0)
        if not shortest:
            return
        for clip in self._candidates(None, now):
            if clip.counts_ms >= milliseconds(now - timedelta(days=shortest)):
                # Very old ones that have just come are in the same order, by when they came.
                return
            after = self._after_days(clip)
            if after and clip.counts_ms < milliseconds(now - timedelta(days=after)):
                yield clip

    def _after_days(self, clip: Lying) -> float:
        """After how many days a clip goes; of several labels the longest counts. 0 is never."""
        longest = [days for label, days in self._of_labels.items() if label in clip.label_names]
        if longest:
            return max(longest)
        own = self._of_cameras.get(clip.camera)
        return own.after_days if own is not None and own.after_days else self._tiering.after_days

    def _over(self, lacking: int, camera: str | None, now: datetime) -> Iterator[Lying]:
        if lacking <= 0:
            return
        for clip in self._candidates(camera, now):
            if lacking <= 0:
                return
            lacking -= clip.size_bytes
            yield clip

    def _candidates(self, camera: str | None, now: datetime) -> Iterator[Lying]:
        return self._catalog.stored.candidates(
            camera=camera,
            with_kept=not self._tiering.keep_kept,
            made=self._made,
            returned_before=now - RETURNED_STAY,
        )
