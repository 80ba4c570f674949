"""Carries out what the rules of retention say: `watcher sweep`, and a thread of the ingester.

Every removal is `Retention.retire`, so a crash between two steps is repaired by the next scan. Nothing is removed
while the video root is not this catalog's: an unplugged disk, another folder, a root without its marker.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TextIO

from watcher.errors import ClipNotFoundError, HeldError, RootAwayError, WatcherError
from watcher.helper import Helper
from watcher.ignoring import printable
from watcher.rules import FREE, Going
from watcher.scan import marker_problem
from watcher.wiring import Services

log = logging.getLogger("watcher.retention")

LOOK_SECONDS = 2.0  # between two looks at the free space
PAUSE_SECONDS = 30.0  # between two sweeps by all rules
TURN = 100  # clips after which the root is looked at again, and others may write
MOST_PATIENCE_SECONDS = 3600.0

AGAIN_SECONDS = 86400.0  # before the same reason is told again

Done = dict[str, tuple[int, int]]  # by rule: clips, and their bytes


class Stuck:
    """The clips that rules pass over, since their files cannot be removed: others go in their place.

    Why is told once a day, not each time.
    """

    def __init__(self, services: Services) -> None:
        self._retention = services.retention()
        self._clock = services.clock
        self._told: dict[str, float] = {}  # reason → when, monotonic
        self._failed: dict[str, float] = {}  # keys of which only the removal itself told that they stay

    def stays(self, key: str) -> bool:
        """Whether a clip's file cannot be removed now."""
        now = self._clock.monotonic()
        if key in self._failed and now - self._failed[key] < AGAIN_SECONDS:
            return True
        try:
            self._retention.check(key)
        except RootAwayError:
            return False  # the sweep looks at that
        except (WatcherError, OSError) as reason:
            self.tell(f"what is to go by the rules of retention stays, and others go: {reason}")
            return True
        return False

    def failed(self, key: str, reason: Exception) -> None:
        """A removal has failed, though nothing had spoken against it."""
        self._failed[key] = self._clock.monotonic()
        self.tell(f"{printable(key)} is to go and cannot be removed: {reason}")

    def tell(self, reason: str) -> None:
        """Say it, once a day."""
        now = self._clock.monotonic()
        if reason not in self._told or now - self._told[reason] >= AGAIN_SECONDS:
            self._told[reason] = now
            log.error("%s", reason)


def going(services: Services, stuck: Stuck | None = None) -> Iterator[Going]:
    """What is to go now."""
    rules = services.rules((stuck or Stuck(services)).stays)
    yield from rules.plan(services.clock.now(), services.root.free_bytes())


def sweep(
    services: Services, *, but: str = "", stopped: threading.Event | None = None, stuck: Stuck | None = None
) -> Done:
    """Remove what is to go, and can. `but` is a rule that is left alone this time.

    Raises OSError if the disk cannot be asked.
    """
    done: Done = {}
    stuck = stuck or Stuck(services)
    retention, root, floor = services.retention(), services.root, services.rules().limits.min_free_bytes
    catalog_id = services.catalog.catalog_id() or ""
    for number, one in enumerate(going(services, stuck)):
        if stopped is not None and stopped.is_set():
            break
        if number % TURN == 0 and (problem := marker_problem(root, catalog_id)) is not None:
            log.error("nothing is removed: %s", problem)
            break
        # What the file system says counts more than our sums.
        if one.rule == but or (one.rule == FREE and root.free_bytes() >= floor):
            continue
        try:
            retention.retire(one.clip.id)
        except (HeldError, ClipNotFoundError):
            continue  # a person was quicker
        except (OSError, WatcherError) as reason:
            stuck.failed(one.clip.key, reason)
            continue
        clips, size = done.get(one.rule, (0, 0))
        done[one.rule] = (clips + 1, size + one.clip.size_bytes)
        log.info("%s went by the rule of %s", printable(one.clip.key), one.rule)
    return done


def empty_bin(services: Services, *, lacking_bytes: int) -> int:
    """Remove for good what has been in the bin for long enough, and what there is no room for; how many bytes.

    Raises OSError.
    """
    if marker_problem(services.root, services.catalog.catalog_id() or "") is not None:
        return 0
    retention, over = services.retention(), 0
    if most := services.settings.retention.max_bytes:  # what is in the bin counts as well
        used = sum(one.size_bytes for one in services.catalog.camera_summaries())
        over = used + sum(one.size_bytes for one in retention.binned()) - most
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
        """So many bytes of clips went for the floor."""
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


class Sweeper(Helper):
    """Sweeps twice a minute, and at once where the floor of free space is undercut."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "retention", every_seconds=LOOK_SECONDS)
        self._due = 0.0
        self._patience = Patience()
        self._bin_patience = Patience()
        self._stuck = Stuck(services)

    def turn(self) -> None:
        """Look at the free space, and at all rules when it is time."""
        now = self.services.clock.monotonic()
        self._empty_bin(self.services.root.free_bytes(), now, due=now >= self._due)
        free = self.services.root.free_bytes()
        may_remove = self._patience.may_remove(free, now)
        if (may_remove and free < self.services.rules().limits.min_free_bytes) or now >= self._due:
            self._due = now + PAUSE_SECONDS
            done = sweep(self.services, but="" if may_remove else FREE, stopped=self.stopped, stuck=self._stuck)
            self._patience.removed(done.get(FREE, (0, 0))[1], free_before=free, now=now)

    def _empty_bin(self, free: int, now: float, *, due: bool) -> None:
        """Make room out of the bin before a clip has to go for it."""
        lacking = self.services.retention().bin_lacks() if self._bin_patience.may_remove(free, now) else 0
        if due or lacking:
            try:
                removed = empty_bin(self.services, lacking_bytes=lacking)
            except WatcherError as reason:  # clips go by their rules all the same, where they can
                self._stuck.tell(f"the bin cannot be emptied: {reason}")
                return
            self._bin_patience.removed(removed if lacking else 0, free_before=free, now=now)


def show(services: Services, *, out: TextIO) -> int:
    """`watcher retention plan`: what would go now, and by which rule."""
    limits = services.rules().limits
    if not limits.any:
        print("no rule of retention is set: nothing goes", file=out)
        return 0
    count = total = 0
    for one in going(services):
        count, total = count + 1, total + one.clip.size_bytes
        print(f"{one.rule:<13} {one.clip.started_at:%Y-%m-%d %H:%M:%S}Z  {printable(one.clip.key)}", file=out)
    print(f"{count:,} clips of {total:,} bytes would go now", file=out)
    return 0


def run(services: Services, *, out: TextIO) -> int:
    """`watcher sweep`: carry the rules out once; 1 if the root is not this catalog's."""
    problem = marker_problem(services.root, services.catalog.catalog_id() or "")
    if problem is not None:
        print(problem, file=out)
        return 1
    empty_bin(services, lacking_bytes=services.retention().bin_lacks())
    done = sweep(services)
    for rule, (clips, size) in done.items():
        print(f"{rule}: {clips:,} clips of {size:,} bytes removed", file=out)
    if not done:
        print("nothing had to go", file=out)
    return 0


def show_bin(services: Services, *, out: TextIO) -> int:
    """`watcher bin`: what can be had back."""
    binned = services.retention().binned()
    for one in binned:
        try:
            key = printable(services.catalog.clip(one.clip_id).key)
        except ClipNotFoundError:
            key = "(forgotten)"
        print(f"{one.clip_id:>8}  {one.at:%Y-%m-%d %H:%M:%S}Z  {one.size_bytes:>13,}  {key}", file=out)
    print(f"{len(binned):,} files of {sum(one.size_bytes for one in binned):,} bytes are in the bin", file=out)
    return 0


def have_back(services: Services, clip_id: int, *, out: TextIO) -> int:
    """`watcher bin --restore`: 1 if it cannot be had back."""
    try:
        key = services.retention().restore(clip_id)
    except (WatcherError, OSError) as reason:
        print(reason, file=out)
        return 1
    print(f"{printable(key)} is back; the ingester, or `watcher scan`, takes it in", file=out)
    return 0
