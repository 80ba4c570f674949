"""Compares disk and catalog: folders that appeared first, then everything. What differs is read or marked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from watcher.ingest.comparison import Comparison, Reading
from watcher.ingest.ingest import UNREADABLE, Ingest, Outcome, Waiting
from watcher.ingest.pictures import Pictures
from watcher.ingest.progress import Progress
from watcher.ingest.scan import Difference, Finding, newest_first, reconcile
from watcher.ingest.uploads import open_spool
from watcher.ingester.folders import Folders
from watcher.ingester.health import Problems
from watcher.ingester.intake import BATCH, Intake
from watcher.naming.ignore import PICTURE, printable
from watcher.retention.retire import Retention
from watcher.services import Services
from watcher.storage.descent import is_leftover

log = logging.getLogger("watcher.ingester")

PROBLEM_RESCAN_SECONDS = 10.0  # at least, while something waits for a person …
PROBLEM_RESCAN_SHARE = 10  # … and so many times what a scan takes
LEFTOVER_SECONDS = 86_400.0  # without another byte: whoever wrote it is no more


class Scanner:
    """Compares disk and catalog, a slice of time at a time; used from one thread."""

    def __init__(
        self,
        services: Services,
        ingest: Ingest,
        intake: Intake,
        pictures: Pictures,
        problems: Problems,
        decide_gone: Callable[[list[str]], None],
    ) -> None:
        """`decide_gone` is told the keys of clips without a file."""
        self._services = services
        self._clock = services.clock
        self._ingest = ingest
        self._intake = intake
        self._pictures = pictures
        self._problems = problems
        self._decide_gone = decide_gone
        self._whole: Comparison | None = None
        self._folder: Comparison | None = None
        self.folders = Folders()
        self.interval_seconds = services.settings.scan.interval_seconds  # between two comparisons of everything
        self.next_at = 0.0  # monotonic, of everything
        self.last_at: datetime | None = None
        self.last_seconds: float | None = None  # that it took

    @property
    def busy(self) -> bool:
        """Whether a comparison is under way."""
        return self._whole is not None or self._folder is not None

    @property
    def scanning(self) -> bool:
        """Whether everything is being compared."""
        return self._whole is not None

    def clear(self) -> None:
        """Give up the comparison that is under way, which cannot go on from there."""
        self._whole = self._folder = None

    def soon(self, seconds: float) -> None:
        """Compare everything within so many seconds."""
        self.next_at = min(self.next_at, self._clock.monotonic() + seconds)

    def advance(self) -> None:
        """Give a folder's comparison, else that of everything, a slice of time; begin what is due."""
        now = self._clock.monotonic()
        if self._folder is None and (prefix := self.folders.take(now)) is not None:
            self._folder = self._compare(now, prefix)
        if self._folder is not None:
            if self._go_on(self._folder):
                done, self._folder = self._folder, None
                self._decide_gone(done.gone)
            return
        if self._whole is None:
            if now < self.next_at:
                return
            self._whole = self._compare(now)
            self._intake.quiet = True
        if self._go_on(self._whole):
            done, self._whole = self._whole, None
            self._intake.quiet = False
            self._end(done)

    def _compare(self, now: float, prefix: str = "") -> Comparison:
        """Begin to compare a folder, or everything, with the catalog."""
        findings = reconcile(self._services.root, self._services.catalog, self._passed_over, prefix)
        ordered = newest_first(findings, self._ingest.moment, self._services.places.run)
        return Comparison(ordered, Progress(now))

    def _passed_over(self, key: str, why: str) -> None:
        """What a comparison tells of files that are no clips, and of folders that cannot be read."""
        if why == PICTURE:
            self._pictures.add(key)
        elif why.startswith(UNREADABLE) and key.endswith("/"):
            self._intake.unreadable.add(key)
        elif is_leftover(key):
            self._services.root.drop_leftover(key, older_than=self._clock.now().timestamp() - LEFTOVER_SECONDS)
        log.debug("ignoring %s: %s", printable(key), why)

    def _go_on(self, comparison: Comparison) -> bool:
        """Compare for a slice of time; whether it is done."""
        done = comparison.go_on(self._clock, self._begin_reading, self._take)
        self._intake.flush()
        if not done and (line := comparison.progress.line(self._clock.monotonic())):
            log.info("%s", line)
        return done

    def _begin_reading(self, finding: Finding) -> Reading | None:
        """Begin to read a file that a comparison found, unless an event led to it meanwhile."""
        new = finding.difference is Difference.NEW
        if finding.key in self._intake.pending or (new and self._intake.was_read(finding.key)):
            return None
        return Reading(finding.key, self._ingest.examining(finding.key))

    def _take(self, key: str, outcome: Outcome) -> bool:
        if isinstance(outcome, Waiting):
            self._intake.pending.add(key, self._clock.monotonic())
        elif key not in self._intake.pending:  # an event came meanwhile: it is read again, and later
            self._intake.took(key, outcome, self._clock.monotonic())
        return len(self._intake.batch) >= BATCH

    def _end(self, comparison: Comparison) -> None:
        for code in ("missing", "turn"):
            self._problems.forget(code)
        self._problems.set("ingest", None)  # what had to be written was written, or this would not have ended
        self._decide_gone(comparison.gone)
        now = self._clock.monotonic()
        progress, seconds = comparison.progress, comparison.progress.seconds(now)
        self.last_seconds = round(seconds, 3)
        if progress.done or comparison.gone or self.last_at is None:
            line = "scanned %d files in %.1f s: %d to catalog, %d gone"
            log.info(line, progress.files, seconds, progress.done, len(comparison.gone))
        self.last_at = self._clock.now()
        pause = self.interval_seconds
        if self._problems:
            pause = min(pause, max(PROBLEM_RESCAN_SECONDS, PROBLEM_RESCAN_SHARE * seconds))
        if self._pictures.scanned(changed=progress.done > 0):
            pause = 1.0
        self.next_at = now + max(pause, seconds)  # never more than half the time
        Retention.of(self._services, self._ingest).sweep()
        open_spool(self._services).sweep()
