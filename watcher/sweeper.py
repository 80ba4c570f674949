"""Carries out what the rules of retention say: `watcher sweep`, and a thread of the ingester.

Every removal is `Retention.retire`, so a crash between two steps is repaired by the next scan. Nothing is removed
while the video root is not this catalog's: an unplugged disk, another folder, a root without its marker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from watcher.errors import ClipNotFoundError, HeldError
from watcher.ignoring import printable
from watcher.rules import FREE, Going
from watcher.scan import marker_problem
from watcher.wiring import Services

log = logging.getLogger("watcher.retention")

LOOK_SECONDS = 2.0  # between two looks at the free space
PAUSE_SECONDS = 30.0  # between two sweeps by all rules
TURN = 100  # clips after which the root is looked at again, and others may write
FUTILE_SECONDS = 3600.0  # for which the floor is left alone when removing clips frees nothing
FUTILE_BYTES = 64 << 20  # removed without half of it becoming free


Done = dict[str, tuple[int, int]]  # by rule: clips, and their bytes


def going(services: Services) -> Iterator[Going]:
    """What is to go now."""
    yield from services.rules().plan(services.clock.now(), services.root.free_bytes())


def sweep(services: Services, *, but: str = "", stopped: threading.Event | None = None) -> Done:
    """Remove what is to go. `but` is a rule that is left alone this time.

    Raises OSError if the disk cannot be asked.
    """
    done: Done = {}
    retention, root, floor = services.retention(), services.root, services.rules().limits.min_free_bytes
    catalog_id = services.catalog.catalog_id() or ""
    for number, one in enumerate(going(services)):
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
        except OSError as reason:
            log.error("%s is to go and cannot be removed: %s", printable(one.clip.key), reason.strerror)
            continue
        clips, size = done.get(one.rule, (0, 0))
        done[one.rule] = (clips + 1, size + one.clip.size_bytes)
        log.info("%s went by the rule of %s", printable(one.clip.key), one.rule)
    return done


class Sweeper(threading.Thread):
    """Sweeps twice a minute, and at once where the floor of free space is undercut."""

    def __init__(self, services: Services) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._services = services
        self._stopped = threading.Event()
        self._futile_until = 0.0

    def stop(self) -> None:
        """End it, after the clip in hand."""
        self._stopped.set()
        self.join(5)

    def run(self) -> None:
        """Until it is stopped; what fails is said and tried again."""
        floor = self._services.rules().limits.min_free_bytes
        due = 0.0
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                now = time.monotonic()
                urgent = now >= self._futile_until and self._services.root.free_bytes() < floor
                if urgent or now >= due:
                    due = now + PAUSE_SECONDS
                    self._turn()
            except Exception:
                log.exception("the rules of retention could not be carried out")

    def _turn(self) -> None:
        root = self._services.root
        before = root.free_bytes()
        futile = time.monotonic() < self._futile_until
        _, removed = sweep(self._services, but=FREE if futile else "", stopped=self._stopped).get(FREE, (0, 0))
        if removed > FUTILE_BYTES and root.free_bytes() - before < removed / 2:
            # Snapshots or other links hold the bytes: going on would empty the collection for nothing.
            self._futile_until = time.monotonic() + FUTILE_SECONDS
            log.error("removing %s bytes of clips freed hardly any: the floor of free space is left alone", removed)


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
    done = sweep(services)
    for rule, (clips, size) in done.items():
        print(f"{rule}: {clips:,} clips of {size:,} bytes removed", file=out)
    if not done:
        print("nothing had to go", file=out)
    return 0
