"""The time, as something that is handed in: no other module asks the machine for it."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What the service asks of time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may step."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for waiting and measuring."""

    def uptime(self) -> tuple[str, float]:
        """Which start of the machine this is ("" if nobody knows), and seconds since then, asleep as well."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may step."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow; for waiting and measuring."""
        return time.monotonic()

    def uptime(self) -> tuple[str, float]:
        """Which start of the machine this is ("" if nobody knows), and seconds since then, asleep as well."""
        boot = ""
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, time.clock_gettime(time.CLOCK_BOOTTIME)
