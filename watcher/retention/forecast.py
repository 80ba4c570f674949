"""When the disk will be full."""

from __future__ import annotations

from datetime import datetime, timedelta

from watcher.services import Services

FORESEEN = timedelta(days=60)  # a date further away would be a guess
WARNING = timedelta(days=14)  # in time for somebody to buy another disk


def full_at(free_bytes: int, arrived_bytes: int, now: datetime) -> datetime | None:
    """When so much is used up at the rate of the last day; None where that is not foreseeable.

    >>> from datetime import UTC
    >>> full_at(300, 100, datetime(2026, 11, 21, tzinfo=UTC)).isoformat()
    '2026-11-24T00:00:00+00:00'
    >>> full_at(300, 1, datetime(2026, 11, 21, tzinfo=UTC)), full_at(300, 0, datetime(2026, 11, 21, tzinfo=UTC))
    (None, None)
    """
    if arrived_bytes <= 0 or free_bytes >= arrived_bytes * FORESEEN.days:
        return None
    return now + timedelta(days=free_bytes / arrived_bytes)


def disk_full_at(services: Services) -> datetime | None:
    """When the disk will be full at the rate of the last day; None where rules keep room, or it is far off."""
    table = services.settings.retention
    now, day = services.clock.now(), timedelta(days=1)
    if table.min_free_bytes or table.max_bytes:
        return None
    try:
        free = services.root.free_bytes()
    except OSError:  # the check of the disk tells
        return None
    more = services.catalog.expiry.arrived_bytes(now - day)
    if table.max_age_days:  # what goes in the next day makes room for as much
        eldest = now - timedelta(days=table.max_age_days)
        more -= services.catalog.expiry.arrived_bytes(eldest, eldest + day)
    return full_at(free, more, now)
