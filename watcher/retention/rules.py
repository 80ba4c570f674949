"""Retention by rules: which clips are to go now, why, and in which order; asking changes nothing.

Held clips never go, nor those that an export is to be made of. A rule by age comes first, then what is over a
camera's bytes, over all bytes, and what the floor of free space still lacks; each counts what the rules before it
free, so that nothing goes that need not. Every rule goes by the time that counts: the start, or the arrival where
the start is doubted (`doubt.py`). The brake (`brake.py`) lets wait what is more than passing time and incoming
bytes make due, but by the floor: a disk that stays full costs what comes now.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

import msgspec

from watcher.catalog import Catalog
from watcher.catalog.expiry import Aged, Old
from watcher.model.retention_state import Remembered, Waiting
from watcher.retention.brake import Brake
from watcher.services import Services
from watcher.settings.schema import Retention as RetentionTable

AGE, CAMERA_BYTES, BYTES, FREE = "age", "camera_bytes", "bytes", "free"
STEP, STEP_PART = 100, 100  # clips that go at once for the floor: so many, or this part of all


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

    @property
    def text(self) -> str:
        """The limits as text that can be remembered and compared; "" without a rule."""
        return msgspec.json.encode(self).decode() if self.any else ""

    def age(self, camera: str, labeled: bool) -> timedelta | None:
        """How old a clip may become; None for as old as it likes."""
        own = [limits.max_age for limits in self.cameras if limits.camera == camera and limits.max_age is not None]
        age = own[0] if own else self.max_age
        if labeled and self.labeled_max_age is not None:
            return max(self.labeled_max_age, age or self.labeled_max_age)
        return age


class Going(NamedTuple):
    """A clip that is to go."""

    clip: Old
    rule: str
    due: bool  # by passing time or incoming bytes alone


class _Question(NamedTuple):
    """A rule by age for some of the clips."""

    camera: str | None
    but_cameras: tuple[str, ...]
    labeled: bool | None
    aged: Aged


def limits_of(table: RetentionTable) -> Limits:
    """The limits that the settings tell."""

    def days(number: float) -> timedelta | None:
        return timedelta(days=number) if number else None

    cameras = tuple(CameraLimits(row.camera, days(row.max_age_days), row.max_bytes) for row in table.cameras)
    ages = (days(table.max_age_days), days(table.labeled_max_age_days))
    return Limits(*ages, table.max_bytes, table.min_free_bytes, cameras)


class Rules:
    """The rules in force, on this catalog."""

    def __init__(
        self,
        limits: Limits,
        catalog: Catalog,
        stays: Callable[[str], bool] | None = None,
        *,
        grace: timedelta = timedelta(days=7),
        max_share: float = 0.2,
    ) -> None:
        """`stays` tells of a key whether its file cannot be removed: others go in its place.

        By age nothing goes before it has been here for `grace`, or for its own age if that is less. More than
        `max_share` of a camera's clips in a day waits, beyond what is due by passing time and incoming bytes.
        """
        self.limits = limits
        self.max_share = max_share
        self.grace_ms = _ms(grace)
        self._catalog = catalog
        self.stays = stays

    @classmethod
    def of(cls, services: Services, stays: Callable[[str], bool] | None = None) -> Rules:
        """The service's own; `stays` tells of a key whether its file cannot be removed."""
        table = services.settings.retention
        grace = timedelta(days=table.grace_days)
        return cls(limits_of(table), services.catalog, stays, grace=grace, max_share=table.max_share)

    def plan(self, remembered: Remembered, free_bytes: int) -> Plan:
        """What is to go now, in order; `free_bytes` is what the disk has free."""
        return Plan(self, self._catalog, remembered, free_bytes)

    def questions(self, remembered: Remembered) -> list[_Question]:
        """What the rules by age ask of the catalog."""
        limits, due = self.limits, []
        own = [own_limits for own_limits in limits.cameras if own_limits.max_age is not None]
        everybody: list[tuple[str | None, timedelta | None]] = [(None, limits.max_age)]
        for camera, age in [*everybody, *((camera_limits.camera, camera_limits.max_age) for camera_limits in own)]:
            but = () if camera is not None else tuple(camera_limits.camera for camera_limits in own)
            longer = limits.labeled_max_age
            if age is not None:
                labeled = None if longer is None else False
                due.append(_Question(camera, but, labeled, self._aged(remembered, age)))
            if longer is not None:
                due.append(_Question(camera, but, True, self._aged(remembered, max(longer, age or longer))))
        return due

    def _aged(self, remembered: Remembered, age: timedelta) -> Aged:
        age_ms = _ms(age)
        grace_ms = min(self.grace_ms, age_ms)
        now = remembered.now_ms(grace_ms)
        return Aged(now - age_ms, now - grace_ms, remembered.since_ms(grace_ms) - age_ms)


class Plan:
    """What is to go now. Walking over it looks it up, and leaves behind what waits and what is spared."""

    def __init__(self, rules: Rules, catalog: Catalog, remembered: Remembered, free_bytes: int) -> None:
        self._rules = rules
        self._limits = rules.limits
        self._catalog = catalog
        self._remembered = remembered
        self._free_bytes = free_bytes
        self.waiting: list[Waiting] = []
        self.overshoot_bytes = 0

    def __iter__(self) -> Iterator[Going]:
        """What goes, in order."""
        if not self._limits.any:
            return
        self.waiting, self.overshoot_bytes = [], 0
        self._chosen: set[int] = set()
        self._freed: dict[str, int] = {}  # bytes by camera
        self._waits: dict[str, int] = {}  # the same, of what waits
        self._exports = self._catalog.exports.to_make()
        self._brake = Brake(self._catalog, self._remembered, self._rules.max_share, allowed=self._allowed)
        limits = self._limits
        yield from self._by_age()
        if limits.max_bytes or any(camera_limits.max_bytes for camera_limits in limits.cameras):
            self._used = self._brake.bytes_of_cameras
            self._spared: dict[str, int] | None = None
            for camera_limits in limits.cameras:
                if camera_limits.max_bytes:
                    yield from self._by_bytes(CAMERA_BYTES, camera_limits.max_bytes, camera_limits.camera)
            if limits.max_bytes:
                yield from self._by_bytes(BYTES, limits.max_bytes, None)
        lacking = limits.min_free_bytes - self._free_bytes - sum(self._freed.values())
        if limits.min_free_bytes and lacking > 0:
            step = max(STEP, self._brake.clips_of_all // STEP_PART)
            # Without the brake: what waited here would keep new clips from being taken at all.
            # Nor what lies in a store: its going would free nothing here.
            for clip in self._until(lacking, None, spared=None, most=step, local=True):
                yield self._going(clip, FREE, due=True)

    @property
    def _allowed(self) -> bool:
        return self._remembered.allows(self._limits.text)

    def _by_age(self) -> Iterator[Going]:
        questions = self._rules.questions(self._remembered)
        more: dict[str, tuple[int, int]] = {}
        for camera, but, labeled, aged in questions:
            excess = self._catalog.expiry.more_than_due(aged, camera=camera, but_cameras=but, labeled=labeled)
            for name, (count, size) in excess.items():
                before = more.get(name, (0, 0))
                more[name] = (before[0] + count, before[1] + size)
        held_back = []
        for name, (count, size) in sorted(more.items()):
            if self._brake.lets_go({name: count}):
                continue
            held_back.append(name)
            self.waiting.append(Waiting(AGE, name, count, size))
            self._waits[name] = size
        for camera, but, labeled, aged in questions:
            some = self._catalog.expiry.oldest(
                camera=camera, but_cameras=but, labeled=labeled, aged=aged, but_more_of=held_back
            )
            for clip in some:
                if self._may_go(clip):
                    yield self._going(clip, AGE, due=not aged.has_more(clip))

    def _by_bytes(self, rule: str, most: int, camera: str | None) -> Iterator[Going]:
        """What is over a limit; but no newer clip makes up for what is spared for a while, or waits."""

        def of(sums: dict[str, int]) -> int:
            return sum(sums.values()) if camera is None else sums.get(camera, 0)

        over = of(self._used) - of(self._freed) - of(self._waits) - most
        if over <= 0:
            return
        if self._spared is None:
            self._spared = self._catalog.expiry.spared_bytes()
        self.overshoot_bytes = max(self.overshoot_bytes, min(over, of(self._spared)))
        yield from self._take(rule, over - of(self._spared), camera, spared=False)

    def _take(self, rule: str, goal: int, camera: str | None, *, spared: bool | None) -> Iterator[Going]:
        """The oldest, until they free so many bytes: as much as came in; more if the brake may."""
        if goal <= 0:
            return
        due = min(goal, self._brake.due_bytes(camera))
        more: dict[str, int] = {}
        taken = 0
        for clip in self._until(goal, camera, spared=spared):
            if taken >= due:
                more[clip.camera] = more.get(clip.camera, 0) + 1
                if not self._brake.may(clip.camera, more[clip.camera]):
                    break
            taken += clip.size_bytes
        if not self._brake.lets_go(more):
            size = goal - due
            self.waiting.append(
                Waiting(rule, camera or "", max(1, size * sum(more.values()) // max(taken, 1)), size)
            )
            if rule == CAMERA_BYTES and camera is not None:
                self._waits[camera] = self._waits.get(camera, 0) + size
            goal = due
        taken = 0
        for clip in self._until(goal, camera, spared=spared):
            is_due = taken < due
            taken += clip.size_bytes
            if is_due:
                self._brake.took_due(clip.camera, clip.size_bytes)
            yield self._going(clip, rule, due=is_due)

    def _until(
        self,
        goal: int,
        camera: str | None,
        *,
        spared: bool | None,
        most: int | None = None,
        local: bool = False,
    ) -> Iterator[Old]:
        """The oldest that may go, `most` of them; labelled clips last, where these are kept longer."""
        labels: Iterable[bool | None] = (None,) if self._limits.labeled_max_age is None else (False, True)
        oldest = self._catalog.expiry.oldest
        streams = (oldest(camera=camera, labeled=labeled, spared=spared, local=local) for labeled in labels)
        taken = 0
        for clip in itertools.islice(filter(self._may_go, itertools.chain.from_iterable(streams)), most):
            if taken >= goal:
                return
            taken += clip.size_bytes
            yield clip

    def _may_go(self, clip: Old) -> bool:
        if clip.id in self._chosen or any(export.needs(*clip.span) for export in self._exports):
            return False
        return self._rules.stays is None or not self._rules.stays(clip.key)

    def _going(self, clip: Old, rule: str, *, due: bool) -> Going:
        self._chosen.add(clip.id)
        self._freed[clip.camera] = self._freed.get(clip.camera, 0) + clip.size_bytes
        return Going(clip, rule, due)


def _ms(time: timedelta) -> int:
    return round(time.total_seconds() * 1000)
