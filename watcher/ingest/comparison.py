"""A comparison of the disk with the catalog, advanced in slices: the ingester's live clips do not wait for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from watcher.ingest.ingest import Outcome
from watcher.ingest.progress import Progress
from watcher.ingest.scan import Difference, Finding
from watcher.model.clock import Clock

SLICE_SECONDS = 0.03  # for which a comparison, or one long file, may keep live clips waiting
LOOK_EACH = 64  # files that are only looked at, between two looks at the clock


class Reading(NamedTuple):
    """A file whose index is long, while it is read in slices."""

    key: str
    steps: Generator[None, None, Outcome]

    def go_on(self, clock: Clock, until: float) -> tuple[Outcome] | None:
        """Read for a while. Returns what came of the file, or None while it is not read to its end."""
        while True:
            try:
                next(self.steps)
            except StopIteration as done:
                return (done.value,)
            if clock.monotonic() >= until:
                return None


@dataclass(slots=True)
class Comparison:
    """A comparison that is under way."""

    findings: Iterator[Finding]
    progress: Progress
    gone: list[str] = field(default_factory=list)
    reading: Reading | None = None

    def go_on(
        self,
        clock: Clock,
        begin: Callable[[Finding], Reading | None],
        take: Callable[[str, Outcome], bool],
    ) -> bool:
        """Compare for a slice of time. Returns whether the comparison is done.

        `begin` begins to read a file, None where it need not be read; `take` takes what came of it, and says
        whether that has to be written before more is read.
        """
        until = clock.monotonic() + SLICE_SECONDS
        while True:
            if self.reading is None:
                if (finding := next(self.findings, None)) is None:
                    return True
                if finding.difference is Difference.GONE:
                    self.gone.append(finding.key)
                elif finding.due:
                    self.progress.read_one(clock.monotonic())
                    self.reading = begin(finding)
                else:
                    self.progress.files += 1
                    self.progress.todo += finding.deferred
                    if self.progress.files % LOOK_EACH:
                        continue
            if self.reading is not None and (done := self.reading.go_on(clock, until)) is not None:
                key, self.reading = self.reading.key, None
                if take(key, done[0]):
                    return False
            if clock.monotonic() >= until:
                return False
