"""What was done to keys, sessions and links is remembered for long, and does not fill the disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from watcher.catalog import Catalog, audit
from watcher.catalog.audit import ENTRY_AGE, KEY_ENTRY_AGE, By
from watcher.model.access import Role

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def lines(catalog: Catalog) -> list[str]:
    """What it remembers, the newest first."""
    return [f"{entry.who}: {entry.action}, {entry.about}" for entry in catalog.audit.entries(limit=1000)]


def test_one_key_s_flood_takes_its_own_entries_alone(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The eldest of them; what others did stays, and so does what was done to keys."""
    monkeypatch.setattr(audit, "MOST", 3)
    admin, greedy, other = (By(who, NOW) for who in ("admin", "greedy", "other"))
    catalog.keys.create("greedy", Role.VIEW, None, "hash", now=NOW, by=admin)
    catalog.audit.note("signed in", "session 0", other)
    for number in range(10):
        catalog.audit.note("shared", str(number), greedy)
        catalog.audit.note("session ended", str(number), admin)
    assert [line for line in lines(catalog) if line.startswith("greedy")] == [
        f"greedy: shared, {n}" for n in (9, 8, 7)
    ]
    assert [line for line in lines(catalog) if line.startswith("other")] == ["other: signed in, session 0"]
    assert lines(catalog)[-2:] == ["other: signed in, session 0", "admin: key created, greedy, view"]
    for _ in range(10):
        catalog.keys.replace("greedy", "other", by=admin)
    assert sum("key" in line for line in lines(catalog)) == 3


def test_what_was_done_to_keys_is_remembered_longest(catalog: Catalog) -> None:
    """Sign-ins, links and sessions for 400 days, as the guide says; both go when something else is noted."""
    assert (ENTRY_AGE.days, KEY_ENTRY_AGE.days) == (400, 3650)
    catalog.keys.create("guest", Role.VIEW, None, "hash", now=NOW, by=By("admin", NOW))
    catalog.audit.note("signed in", "session 0", By("guest", NOW))
    catalog.audit.note("signed in", "session 1", By("guest", NOW + ENTRY_AGE))
    assert len(lines(catalog)) == 3
    catalog.audit.note("signed in", "session 2", By("guest", NOW + ENTRY_AGE + timedelta(seconds=1)))
    assert "guest: signed in, session 0" not in lines(catalog)
    catalog.audit.note("signed in", "session 3", By("guest", NOW + KEY_ENTRY_AGE))
    assert lines(catalog) == ["guest: signed in, session 3", "admin: key created, guest, view"]
    catalog.audit.note("signed in", "session 4", By("guest", NOW + KEY_ENTRY_AGE + timedelta(seconds=1)))
    assert "admin: key created, guest, view" not in lines(catalog)
