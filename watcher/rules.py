"""Retention by rules: which clips are to go now, why, and in which order; asking changes nothing.

Held clips never go, nor those that an export is to be made of. A rule by age comes first, then what is over a
camera's bytes, over all bytes, and what the floor of free space still lacks; each counts what the rules before it
free, so that nothing goes that need not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from watcher.catalog import Catalog
from watcher.catalog.expiring import Old

AGE, CAMERA_BYTES, BYTES, FREE = "age", "camera_bytes", "bytes", "free"


class CameraLimits(msgspec.Struct, frozen=True):
    """What holds for one camera in place of what holds for all."""

    camera: str
    max_age: timedelta | None
    max_bytes: int  # 0 is without limit


class Limits(msgspec.Struct, frozen=True):
    """How long and how much is kept."""

    max_age: timedelta | None = None
    labeled_max_age: timedelta | None = None  # of clips that have a label
    max_bytes: int = 0  # 0 is without limit
    min_free_bytes: int = 0
    cameras: tuple[CameraLimits, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is any rule."""
        return self != Limits()


class Going(msgspec.Struct, frozen=True):
    """A clip that is to go."""

    clip: Old
    rule: str


class Rules:
    """The rules in force, on this catalog."""

    def __init__(self, limits: Limits, catalog: Catalog, stays: Callable[[str], bool] | None = None) -> None:
        """`stays` tells of a key whether its file cannot be removed: others go in its place."""
        self.limits = limits
        self._catalog = catalog
        self._stays = stays

    def plan(self, now: datetime, free_bytes: int) -> Iterator[Going]:
        """What is to go now, in order; `free_bytes` is what the disk has free."""
        if not self.limits.any:
            return
        chosen: set[int] = set()
        exports = self._catalog.exports_to_make()
        freed: dict[str, int] = {}  # by camera
        for rule, some in self._rules(now, free_bytes, freed):
            for clip in some:
                if clip.id not in chosen and not any(one.needs(*clip.span) for one in exports):
                    chosen.add(clip.id)
                    freed[clip.camera] = freed.get(clip.camera, 0) + clip.size_bytes
                    yield Going(clip, rule)

    def _rules(self, now: datetime, free_bytes: int, freed: dict[str, int]) -> Iterator[tuple[str, Iterable[Old]]]:
        limits = self.limits
        own = tuple(one.camera for one in limits.cameras if one.max_age is not None)
        yield AGE, self._aged(now, limits.max_age, None, own)
        for one in limits.cameras:
            if one.max_age is not None:
                yield AGE, self._aged(now, one.max_age, one.camera, ())
        if limits.max_bytes or any(one.max_bytes for one in limits.cameras):
            used = {one.camera: one.size_bytes for one in self._catalog.camera_summaries()}
            for one in limits.cameras:
                if one.max_bytes:
                    over = used.get(one.camera, 0) - freed.get(one.camera, 0) - one.max_bytes
                    yield CAMERA_BYTES, _until(over, freed, self._spared(one.camera))
            if limits.max_bytes:
                over = sum(used.values()) - sum(freed.values()) - limits.max_bytes
                yield BYTES, _until(over, freed, self._spared(None))
        lacking = limits.min_free_bytes - free_bytes - sum(freed.values())
        yield FREE, _until(lacking, freed, self._spared(None))

    def _oldest(self, **which: Any) -> Iterable[Old]:
        found, stays = self._catalog.oldest(**which), self._stays
        return found if stays is None else (clip for clip in found if not stays(clip.key))

    def _aged(self, now: datetime, age: timedelta | None, camera: str | None, but: Sequence[str]) -> Iterable[Old]:
        """What is older than it may become; labelled clips may become older, where that is set."""
        longer = self.limits.labeled_max_age
        found: list[Iterable[Old]] = []
        if age is not None:
            labeled = None if longer is None else False
            found.append(self._oldest(before=now - age, camera=camera, but_cameras=but, labeled=labeled))
        if longer is not None:
            before = now - max(longer, age or longer)
            found.append(self._oldest(before=before, camera=camera, but_cameras=but, labeled=True))
        return itertools.chain(*found)

    def _spared(self, camera: str | None) -> Iterable[Old]:
        """The oldest first; where labelled clips are kept longer, those that have a label last."""
        if self.limits.labeled_max_age is None:
            return self._oldest(camera=camera)
        return itertools.chain(*(self._oldest(camera=camera, labeled=labeled) for labeled in (False, True)))


def _until(wanted: int, freed: dict[str, int], some: Iterable[Old]) -> Iterator[Old]:
    """So many of the clips that what they free together is enough; those that go by another rule count there."""
    goal = sum(freed.values()) + wanted
    if wanted <= 0:
        return
    for clip in some:
        yield clip
        if sum(freed.values()) >= goal:
            return
