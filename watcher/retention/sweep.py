"""Carries out what the rules of retention say: `watcher sweep`, and a thread of the ingester.

Every removal is `Retention.retire`, so a crash between two steps is repaired by the next scan. Nothing is removed
while the video root is not this catalog's: an unplugged disk, another folder, a root without its marker.

The order of a sweep: 1. clocks are looked at, 2. clips go, and after some of them it is noted how many went beyond
what was due, 3. what waits, and that all rules were carried out, is remembered. A crash between 2 and 3 does 2
again, for what is left; one within 2 forgets of at most `TURN` clips that they used up some of the day's share.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import msgspec

from watcher.catalog.retention_state import Went
from watcher.model.errors import ClipNotFoundError, HeldError, WatcherError
from watcher.model.retention_state import Remembered, Waiting
from watcher.naming.ignore import printable
from watcher.retention.clocks import Clocks
from watcher.retention.retire import Retention
from watcher.retention.rules import AGE, FREE, Going, Plan, Rules
from watcher.retention.state import advance
from watcher.retention.stuck import Stuck
from watcher.services import Services

log = logging.getLogger("watcher.retention")

LOOK_SECONDS = 2.0  # between two looks at the free space
PAUSE_SECONDS = 30.0  # between two sweeps by all rules
TURN = 100  # clips after which the root is looked at again, and others may write
MOST_PATIENCE_SECONDS = 3600.0
NOTED_MS = 3_600_000  # what is remembered is written so often where nothing happens

Done = dict[str, tuple[int, int]]  # by rule: clips, and their bytes


def begin(services: Services, clocks: Clocks) -> Remembered:
    """Look at the clocks, and say which time has passed. What is worth it is remembered."""
    old = services.catalog.retention.remembered()
    now = advance(services, old)
    lags = clocks.look(services.clock.now(), now)
    if old is not None and not _worth_noting(old, now) and lags.keys() == old.lags.keys():
        return now
    change = services.catalog.retention.change(
        lambda old: msgspec.structs.replace(advance(services, old), lags=lags)
    )
    return change or now


def _worth_noting(old: Remembered, now: Remembered) -> bool:
    """Whether anything but a little time has passed."""
    same = (old.rules, len(old.jumps), old.changed_ms) == (now.rules, len(now.jumps), now.changed_ms)
    return not same or now.steady_ms < old.steady_ms or now.wall_ms - old.wall_ms >= NOTED_MS


def sweep(
    services: Services,
    retention: Retention,
    *,
    clocks: Clocks | None = None,
    but: str = "",
    stopped: threading.Event | None = None,
    stuck: Stuck | None = None,
) -> Done:
    """Remove the clips that are to go and can go. `but` is a rule that is left out this time.

    Raises OSError if the disk cannot be asked.
    """
    remembered = begin(services, clocks or clocks_of(services))
    stuck = stuck or Stuck(retention, services.clock)
    plan = Rules.of(services, stuck.stays).plan(remembered, services.root.free_bytes())
    done: Done = {}
    if _carry_out(services, retention, plan, remembered, done, but=but, stopped=stopped, stuck=stuck):
        _end(services, plan, remembered, but=but)
    return done


def clocks_of(services: Services) -> Clocks:
    """What finds out whose clock is wrong."""
    return Clocks(services.catalog, timedelta(days=services.settings.retention.grace_days))


def _carry_out(
    services: Services,
    retention: Retention,
    plan: Plan,
    remembered: Remembered,
    done: Done,
    *,
    but: str,
    stopped: threading.Event | None,
    stuck: Stuck,
) -> bool:
    """Whether all of the plan was."""
    root, floor = services.root, Rules.of(services).limits.min_free_bytes
    catalog_id = services.catalog.database.catalog_id() or ""
    went: list[Going] = []

    def note() -> None:
        if went:
            services.catalog.retention.note_removals(_sums(went), remembered.believed_ms)
            went.clear()

    try:
        for number, clip in enumerate(plan):
            if stopped is not None and stopped.is_set():
                return False
            if number % TURN == 0:
                note()
                if (problem := root.marker_problem(catalog_id)) is not None:
                    log.error("nothing is removed: %s", problem)
                    return False
            # What the file system says counts more than our sums.
            if clip.rule == but or (clip.rule == FREE and root.free_bytes() >= floor):
                continue
            try:
                retention.retire(clip.clip.id)
            except (HeldError, ClipNotFoundError):
                continue  # a person was quicker
            except (OSError, WatcherError) as reason:
                stuck.failed(clip.clip.key, reason)
                continue
            went.append(clip)
            clips, size = done.get(clip.rule, (0, 0))
            done[clip.rule] = (clips + 1, size + clip.clip.size_bytes)
            log.info("%s went by the rule of %s", printable(clip.clip.key), clip.rule)
    finally:
        note()
    return True


def _sums(went: list[Going]) -> dict[str, Went]:
    """What went of each camera."""
    sums: dict[str, Went] = {}
    for clip in went:
        size, clips = sums.get(clip.clip.camera, Went(0, 0))
        if not clip.due:
            clips += 1
        elif clip.rule != AGE:
            size += clip.clip.size_bytes
        sums[clip.clip.camera] = Went(size, clips)
    return sums


def _end(services: Services, plan: Plan, remembered: Remembered, *, but: str) -> None:
    """Remember that all rules were carried out, and what waits; say what is new about that."""
    waiting, overshoot = tuple(plan.waiting), plan.overshoot_bytes
    before = {(item.rule, item.camera) for item in remembered.waiting}
    for item in waiting:
        if (item.rule, item.camera) not in before:
            log.warning("%s; `watcher retention allow` lets them go", sentence(item))
    if overshoot and not remembered.overshoot_bytes:
        text = "clips that were very old when they came exceed max_bytes by %s bytes: they are spared for %g days"
        log.warning(text, f"{overshoot:,}", services.settings.retention.grace_days)

    fresh = {"swept_ms": remembered.believed_ms, "waiting": waiting, "overshoot_bytes": overshoot}
    same = (remembered.waiting, remembered.overshoot_bytes) == (waiting, overshoot)
    if not but and not (same and remembered.believed_ms - remembered.swept_ms < NOTED_MS):
        services.catalog.retention.change(lambda old: old and msgspec.structs.replace(old, **fresh))


def sentence(item: Waiting) -> str:
    """What waits, in a sentence."""
    whose = f" of {printable(item.camera)}" if item.camera else ""
    return f"{item.clips:,} clips{whose} wait: by the rule of {item.rule} more would go than is ordinary in a day"


def empty_bin(services: Services, retention: Retention, *, lacking_bytes: int) -> int:
    """Remove for good what has been in the bin for long enough, and what there is no room for; how many bytes.

    Raises OSError.
    """
    if services.root.marker_problem(services.catalog.database.catalog_id() or "") is not None:
        return 0
    over = 0
    if most := services.settings.retention.max_bytes:  # what is in the bin counts as well
        used = sum(summary.size_bytes for summary in services.catalog.clips.camera_summaries())
        over = used + sum(entry.size_bytes for entry in retention.binned()) - most
    return retention.tidy_bin(wanted_bytes=max(over, lacking_bytes))


class Patience:
    """Whether clips may go for the floor of free space again, by what the last removal freed.

    The bytes of a removed file become free at once, or within half a minute (btrfs and ZFS, by commits), or not at
    all (snapshots, other links to it). Until half of them are free nothing more goes, for half a minute at first,
    and twice as long after each removal that freed hardly any: else the collection would be emptied for nothing.
    """

    def __init__(self) -> None:
        self._wait_seconds = PAUSE_SECONDS
        self._removed_bytes = 0
        self._free_before = 0
        self._until = 0.0

    def removed(self, size_bytes: int, *, free_before: int, now: float) -> None:
        """Note that so many bytes of clips went for the floor."""
        if size_bytes:
            self._removed_bytes, self._free_before, self._until = size_bytes, free_before, now + self._wait_seconds

    def may_remove(self, free_bytes: int, now: float) -> bool:
        """Whether more may go, at a moment of a monotonic clock."""
        if not self._removed_bytes:
            return True
        if free_bytes - self._free_before >= self._removed_bytes / 2:
            self._wait_seconds = PAUSE_SECONDS
        elif now < self._until:
            return False
        else:
            log.error("removing %s bytes of clips freed hardly any of them", f"{self._removed_bytes:,}")
            self._wait_seconds = min(2 * self._wait_seconds, MOST_PATIENCE_SECONDS)
        self._removed_bytes = 0
        return True


class Sweeper:
    """Sweeps twice a minute, and at once where the floor of free space is undercut."""

    def __init__(self, services: Services, retention: Retention) -> None:
        self.services = services
        self.name, self.every_seconds, self.stopped = "retention", LOOK_SECONDS, threading.Event()
        self._due = 0.0
        self._patience = Patience()
        self._bin_patience = Patience()
        self._retention = retention
        self._stuck = Stuck(retention, services.clock)
        self._clocks = clocks_of(services)

    def turn(self) -> None:
        """Look at the free space, and at all rules when it is time."""
        now = self.services.clock.monotonic()
        self._empty_bin(self.services.root.free_bytes(), now, due=now >= self._due)
        free = self.services.root.free_bytes()
        may_remove = self._patience.may_remove(free, now)
        lacks = may_remove and free < Rules.of(self.services).limits.min_free_bytes
        if lacks or now >= self._due:
            self._due = now + PAUSE_SECONDS
            done = sweep(
                self.services,
                self._retention,
                clocks=self._clocks,
                but="" if may_remove else FREE,
                stopped=self.stopped,
                stuck=self._stuck,
            )
            self._patience.removed(done.get(FREE, (0, 0))[1], free_before=free, now=now)

    def _empty_bin(self, free: int, now: float, *, due: bool) -> None:
        """Make room out of the bin before a clip has to go for it."""
        lacking = self._retention.bin_lacks() if self._bin_patience.may_remove(free, now) else 0
        if due or lacking:
            try:
                removed = empty_bin(self.services, self._retention, lacking_bytes=lacking)
            except WatcherError as reason:  # clips go by their rules all the same, where they can
                self._stuck.tell(f"the bin cannot be emptied: {reason}")
                return
            self._bin_patience.removed(removed if lacking else 0, free_before=free, now=now)
