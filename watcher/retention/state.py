"""What retention remembers between two sweeps, brought up to now; and a person's word that lets go what waits."""

from __future__ import annotations

import msgspec

from watcher.model.clip import milliseconds
from watcher.model.retention_state import ALLOWED_MS, Remembered, Tick
from watcher.model.retention_state import advance as advanced
from watcher.retention.rules import Rules
from watcher.services import Services


def remembered(services: Services) -> Remembered:
    """What retention remembers, as of now."""
    return advance(services, services.catalog.retention.remembered())


def advance(services: Services, old: Remembered | None) -> Remembered:
    """What was remembered, as of now."""
    rules, (boot, seconds) = Rules.of(services), services.clock.uptime()
    tick = Tick(milliseconds(services.clock.now()), boot, round(seconds * 1000))
    ran = services.catalog.expiry.last_catalogued_ms() if old is None else None
    return advanced(old, tick, rules=rules.limits.text, grace_ms=rules.grace_ms, ran_ms=ran)


def allow(services: Services) -> Remembered:
    """Let what waits go: for a day, while the rules and the clock stay as they are."""

    def change(old: Remembered | None) -> Remembered:
        now = advance(services, old)
        return msgspec.structs.replace(now, allowed_until_ms=now.wall_ms + ALLOWED_MS)

    return services.catalog.retention.change(change) or remembered(services)
