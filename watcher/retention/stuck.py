"""Clips that are to go by the rules of retention and cannot: others go in their place."""

from __future__ import annotations

import logging

from watcher.model.clock import Clock
from watcher.model.errors import RootAwayError, WatcherError
from watcher.naming.ignore import printable
from watcher.retention.retire import Retention

log = logging.getLogger("watcher.retention")

AGAIN_SECONDS = 86400.0  # before the same reason is told again


class Stuck:
    """The clips that rules pass over, since their files cannot be removed: others go in their place.

    Why is told once a day, not each time.
    """

    def __init__(self, retention: Retention, clock: Clock) -> None:
        self._retention = retention
        self._clock = clock
        self._reported: dict[str, float] = {}  # reason → when, monotonic
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
        """Note that a removal has failed which nothing had spoken against."""
        self._failed[key] = self._clock.monotonic()
        self.tell(f"{printable(key)} is to go and cannot be removed: {reason}")

    def tell(self, reason: str) -> None:
        """Log why clips cannot be removed, once a day."""
        now = self._clock.monotonic()
        if reason not in self._reported or now - self._reported[reason] >= AGAIN_SECONDS:
            self._reported[reason] = now
            log.error("%s", reason)
