"""How far a scan is: what a log line says every few seconds, and what a progress bar shows."""

from __future__ import annotations

REPORT_SECONDS = 10.0  # between two lines


class Progress:
    """Counts of one scan; times are monotonic, in seconds."""

    def __init__(self, now: float) -> None:
        self.files = 0  # seen on disk
        self.todo = 0  # of those, to be read
        self.done = 0  # of those, read
        self.gone = 0  # known, and not there
        self.started = now
        self._began = 0.0  # to read
        self._reported_at = now

    def seconds(self, now: float) -> float:
        """For how long it has been going on."""
        return now - self.started

    def read_one(self, now: float) -> None:
        """Count a file that was read."""
        if not self.done:
            self._began = now
        self.done += 1

    def line(self, now: float) -> str | None:
        """The line to be logged now; None most of the time."""
        if now - self._reported_at < REPORT_SECONDS:
            return None
        self._reported_at = now
        return self.describe(now)

    def describe(self, now: float) -> str:
        """The progress in words.

        >>> progress = Progress(0)
        >>> progress.files, progress.todo = 120_000, 100_000
        >>> progress.describe(10)
        '120,000 files seen so far, 100,000 to read'
        >>> for _ in range(25_000): progress.read_one(20)
        >>> progress.describe(40)
        '25,000 of 100,000 files read, newest first: 1,250 a second, 1 min 00 s left'
        """
        if not self.done:
            return f"{self.files:,} files seen so far, {self.todo:,} to read"
        rate = self.done / max(now - self._began, 0.001)
        minutes, seconds = divmod(round((self.todo - self.done) / rate), 60)
        left = f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
        return f"{self.done:,} of {self.todo:,} files read, newest first: {rate:,.0f} a second, {left} left"
