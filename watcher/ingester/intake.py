"""Files that events and comparisons name are read here, and catalogued in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable

from watcher.catalog import Probed
from watcher.ingest.comparison import SLICE_SECONDS, Reading
from watcher.ingest.ingest import FAILED, UNREADABLE, Ingest, NotClip, Outcome, Waiting
from watcher.ingest.pictures import Pictures
from watcher.ingest.set_aside import Aside
from watcher.ingester.pending import Pending, PendingFiles, Recent, Turns
from watcher.ingester.unreadable import Unreadable
from watcher.model.clip import Fingerprint
from watcher.naming.ignore import printable
from watcher.services import Services

log = logging.getLogger("watcher.ingester")

BATCH = 100  # clips a transaction


class Intake:
    """The files that wait, the one that is read, and those that are to be written; used from one thread."""

    def __init__(self, services: Services, ingest: Ingest, pictures: Pictures, wake: Callable[[], None]) -> None:
        """`wake` tells whoever makes posters that there may be clips without one."""
        self._ingest = ingest
        self._root = services.root
        self._clock = services.clock
        self._pictures = pictures
        self._wake = wake
        self.pending = PendingFiles(self._moment, self._clock)
        self._long: tuple[Reading, Pending] | None = None  # a file that events led to and that is read in slices
        self._longer = Turns(self._moment)  # those that wait for it
        self.gone: dict[str, None] = {}  # what turned out not to be there
        self.batch: list[Probed] = []
        self._finished: list[float] = []  # since when those in the batch lie finished that events led to, monotonic
        self.recent = Recent()
        self.unreadable = Unreadable(self._root)
        self.aside = Aside(services.places.run, "ingester")
        self.quiet = False  # clips are not logged one by one
        self.ingested, self.ingest_seconds = 0, 0.0  # files that events led to, and for how long they lay finished

    def __bool__(self) -> bool:
        """Whether a long file is being read."""
        return self._long is not None or bool(self._longer)

    def begin(self) -> None:
        """Learn how the last ingester ended."""
        for key in self.aside.open():
            self.pending.add(key, self._clock.monotonic())
        self._ingest.guard = self.aside

    def clear(self) -> None:
        """Forget what was read and not written: a scan reads it again."""
        self.batch.clear()
        self._finished.clear()
        self.recent.clear()
        self.gone.clear()

    def read_due(self) -> None:
        """Examine the files whose time has come, for a slice of time."""
        now = self._clock.monotonic()
        until = now + SLICE_SECONDS
        while len(self.batch) < BATCH and (entry := self.pending.take(now)) is not None:
            key, pending = entry
            if key in self._longer or (self._long is not None and self._long[0].key == key):
                continue
            if self.was_read(key):
                self.pending.remove(key)
                continue
            steps = self._ingest.examining(key, seen=pending.seen, closed=pending.closed)
            try:
                next(steps)
                steps.close()  # its index is long: it is begun again once it is its turn
                self._longer.add(key, self._clock.now().timestamp())
            except StopIteration as done:
                self._examined(key, pending, done.value, now)
            if self._clock.monotonic() >= until:
                break
        self._go_on()

    def _go_on(self) -> None:
        """Read one long index for a slice of time."""
        if self._long is None and (key := self._longer.take()) is not None:
            if (pending := self.pending.get(key)) is None:
                return
            steps = self._ingest.examining(key, seen=pending.seen, closed=pending.closed)
            self._long = Reading(key, steps), pending
        if self._long is not None:
            reading, pending = self._long
            done = reading.go_on(self._clock, self._clock.monotonic() + SLICE_SECONDS)
            if done is not None:
                self._long = None
                if reading.key in self.pending:
                    self._examined(reading.key, pending, done[0], self._clock.monotonic())

    def _examined(self, key: str, pending: Pending, outcome: Outcome, now: float) -> None:
        """What came of a file that an event led to."""
        if isinstance(outcome, Waiting):
            self.pending.wait(key, outcome, now)
            return
        self.pending.remove(key)
        if self.took(key, outcome, now):
            self._finished.append(pending.quiet_since)
        elif outcome is None:
            self.gone[key] = None  # it may have been known, and may be back already: looked at again there

    def _moment(self, key: str) -> float:
        """About when a file was recorded, in seconds since 1970; 0 if it cannot be seen."""
        try:
            look = self._root.look(key)
        except (OSError, ValueError):
            return 0.0
        return 0.0 if look is None else self._ingest.moment(key, look.mtime_ns)

    def took(self, key: str, outcome: Outcome, now: float) -> bool:
        """Put what was read into the batch; False where there is nothing to catalog."""
        if isinstance(outcome, NotClip):
            self.recent.note(key, outcome.look.fingerprint, outcome.look.inode, now=now)
        if not isinstance(outcome, Probed):
            self.unreadable.forget(key)
            self.aside.forget(key)
            return False
        self.batch.append(outcome)
        if outcome.error is not None and outcome.error.startswith(UNREADABLE):
            self.unreadable.add(key)
        return True

    def was_read(self, key: str) -> bool:
        """Whether a file is as it was when we last read it, a moment ago, so that this event tells nothing new."""

        def look() -> tuple[Fingerprint, int] | None:
            try:
                look_now = self._root.look(key)
            except (OSError, ValueError):
                return None
            return None if look_now is None else (look_now.fingerprint, look_now.inode)

        return self.recent.has(key, look, now=self._clock.monotonic())

    def flush(self) -> None:
        """Commit the batch."""
        if not self.batch:
            return
        batch, self.batch = self.batch, []
        put = self._ingest.put(batch)
        now = self._clock.monotonic()
        for probed in batch:
            self.recent.note(probed.key, probed.fingerprint, probed.inode, now=now)
            why = put.aside.get(probed.key, probed.error or "")
            if probed.key in put.aside or why.startswith(FAILED) or self.aside.why(probed.key, probed.fingerprint):
                self.aside.note(probed.key, probed.fingerprint, why)
            else:
                self.aside.forget(probed.key)
        self.recent.forget(put.left)
        self.ingested += len(self._finished)
        self.ingest_seconds += sum(now - since for since in self._finished)
        self._finished.clear()
        self._pictures.match(batch)
        self._wake()  # also for what was known: an upload is catalogued by the process that took it
        for probed in batch:
            if probed.error:  # said of each, however many are read at once
                log.info("%s is %s: %s", printable(probed.key), probed.state, probed.error)
            elif not self.quiet:
                log.info("%s is %s", printable(probed.key), probed.state)
