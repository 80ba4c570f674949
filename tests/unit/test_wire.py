"""Times, cursors and statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from watcher import errors, presenting
from watcher.clip import milliseconds, moment
from watcher.errors import BadParameterError
from watcher.web import problems, wire


def test_every_error_has_one_status() -> None:
    """And a code of its own."""

    def below(kind: type) -> set[type]:
        return {found for child in kind.__subclasses__() for found in {child, *below(child)}}

    kinds = below(errors.WatcherError)
    assert set(problems.STATUS) == kinds
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_times_keep_their_milliseconds_for_ever() -> None:
    """There and back, from 1900 to 2200."""
    for year in range(1900, 2200, 7):
        for ms in (0, 1, 499, 999):
            at = datetime(year, 3, 28, 23, 59, 59, tzinfo=UTC) + timedelta(milliseconds=ms)
            assert milliseconds(moment(milliseconds(at))) == milliseconds(at)
            assert wire.moment(presenting.utc(at), "from") == at


@pytest.mark.parametrize("text", ["2026-11-21", "2026-11-21T07:00:00", "", "x" * 5000, "2026-13-01T00:00:00Z", "²"])
def test_no_moment(text: str) -> None:
    """Naive and nonsense are refused."""
    with pytest.raises(BadParameterError):
        wire.moment(text, "from")


@pytest.mark.parametrize("text", ["", "x", "MTIz", "é", "LS0u", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5LjE", "MS4tMQ"])
def test_no_cursor(text: str) -> None:
    """Only what we gave out is a cursor."""
    with pytest.raises(BadParameterError):
        wire.position(text, "after")
