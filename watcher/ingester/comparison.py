"""Comparisons of the disk with the catalog, advanced in slices so that live clips do not wait for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from watcher.ingest.ingest import Found
from watcher.ingest.progress import Progress
from watcher.ingest.scan import Difference, Finding
from watcher.model.clock import Clock

SLICE_SECONDS = 0.03  # for which a comparison, or one long file, may keep live clips waiting
LOOK_EACH = 64  # files that are only looked at, between two looks at the clock


class Reading(NamedTuple):
    """A file whose index is long, while it is read in slices."""

    key: str
    steps: Generator[None, None, Found]

    def go_on(self, clock: Clock, until: float) -> tuple[Found] | None:
        """Read for a while; what came of it, None as long as it is not done."""
        while True:
            try:
                next(self.steps)
            except StopIteration as done:
                return (done.value,)
            if clock.monotonic() >= until:
                return None


@dataclass(slots=True)
class Comparison:
    """One that is under way."""

    findings: Iterator[Finding]
    progress: Progress
    gone: list[str] = field(default_factory=list)
    reading: Reading | None = None

    def go_on(
        self,
        clock: Clock,
        begin: Callable[[Finding], Reading | None],
        take: Callable[[str, Found], bool],
    ) -> bool:
        """Compare for a slice of time; whether it is done.

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
                elif finding.deferred or finding.difference is None:
                    self.progress.files += 1
                    self.progress.todo += finding.deferred
                    if self.progress.files % LOOK_EACH:
                        continue
                else:
                    self.progress.read_one(clock.monotonic())
                    self.reading = begin(finding)
            if self.reading is not None and (done := self.reading.go_on(clock, until)) is not None:
                key, self.reading = self.reading.key, None
                if take(key, done[0]):
                    return False
            if clock.monotonic() >= until:
                return False


class Folders:
    """Folders that appeared, and when each is to be compared with the catalog; times are monotonic, in seconds."""

    TOGETHER_SECONDS = 0.05  # for which one waits for those below it, to be compared in one
    AGAIN_SECONDS = 1.0  # before it is compared a second time

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], float] = {}  # prefix, how often → when

    def appeared(self, prefix: str, now: float) -> None:
        """Compare it twice: a file may be written into it after the first look and before it is watched."""
        self._due.setdefault((prefix, 1), now + self.TOGETHER_SECONDS)
        self._due[prefix, 2] = now + self.AGAIN_SECONDS

    def crowded(self, prefix: str, now: float) -> None:
        """So many files come into it that it is left to a comparison."""
        self._due[prefix, 2] = now + self.AGAIN_SECONDS

    def soon(self, prefix: str, now: float) -> None:
        """Compare it once."""
        self._due.setdefault((prefix, 1), now)

    def next_at(self) -> float | None:
        """When there is something to do."""
        return min(self._due.values(), default=None)

    def take(self, now: float) -> str | None:
        """The folder that is due; its comparison stands for those of all folders below it that are due then."""
        prefix = min((prefix for (prefix, _), due in self._due.items() if due <= now), key=len, default=None)
        if prefix is not None:
            until = now + self.TOGETHER_SECONDS
            for entry in [entry for entry, at in self._due.items() if at <= until and entry[0].startswith(prefix)]:
                del self._due[entry]
        return prefix
