"""The time, as something that is handed in: no other module asks the machine for it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the service asks of time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may step."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for waiting and measuring."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may step."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow; for waiting and measuring."""
        return time.monotonic()
