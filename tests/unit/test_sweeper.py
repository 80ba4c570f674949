"""When clips may go for the floor of free space again, after the last ones went."""

from __future__ import annotations

from watcher.retention.sweep import MOST_PATIENCE_SECONDS, PAUSE_SECONDS, Patience

GB = 1 << 30


def test_what_becomes_free_at_once_is_no_reason_to_wait() -> None:
    """As on ext4: the next look may remove again."""
    patience = Patience()
    assert patience.may_remove(0, 0)
    patience.removed(10 * GB, free_before=0, now=0)
    assert patience.may_remove(9 * GB, 2)


def test_what_becomes_free_later_is_waited_for() -> None:
    """As on btrfs and ZFS: nothing more goes until then, and the wait grows no longer by it."""
    patience = Patience()
    for start in (0.0, 1000.0):
        patience.removed(10 * GB, free_before=0, now=start)
        assert not patience.may_remove(0, start + 2)
        assert not patience.may_remove(4 * GB, start + PAUSE_SECONDS - 1)
        assert patience.may_remove(10 * GB, start + PAUSE_SECONDS - 1)


def test_what_never_becomes_free_is_removed_ever_more_slowly(caplog) -> None:
    """As with snapshots: however little goes each time, a day costs few removals, and the log says why."""
    patience, removals, now = Patience(), 0, 0.0
    while now < 86400:
        if patience.may_remove(0, now):
            patience.removed(1, free_before=0, now=now)
            removals += 1
        now += 2
    assert 86400 / MOST_PATIENCE_SECONDS < removals < 86400 / MOST_PATIENCE_SECONDS + 10
    assert "freed hardly any" in caplog.text


def test_nothing_removed_is_nothing_to_wait_for() -> None:
    """All that is left may be held."""
    patience = Patience()
    patience.removed(0, free_before=0, now=0)
    assert patience.may_remove(0, 0)
