"""Times, cursors and statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from watcher.model import errors, serialize
from watcher.model.clip import Clip, ClipState, TimeQuality, TimeSource, milliseconds, moment
from watcher.model.errors import BadParameterError
from watcher.web.http import problems, wire


def clip_at(started_ms: int, offset_seconds: int | None) -> Clip:
    """A clip that starts then."""
    return Clip(
        id=1,
        key="gate/1.mp4",
        camera="gate",
        state=ClipState.READY,
        started_ms=started_ms,
        ended_ms=started_ms,
        offset_seconds=offset_seconds,
        time_source=TimeSource.NAME,
        time_quality=TimeQuality.SURE,
        duration_seconds=None,
        size_bytes=1,
        media=None,
        playable=None,
        playable_reason=None,
        error=None,
        poster=None,
        sprite=None,
        proxy=None,
        light=None,
        revision=1,
        ingested_ms=started_ms,
        missing_ms=None,
        held=False,
        note=None,
        labels=None,
    )


def test_every_error_has_one_status() -> None:
    """And a code of its own."""

    def below(kind: type) -> set[type]:
        return {kinds for child in kind.__subclasses__() for kinds in {child, *below(child)}}

    kinds = below(errors.WatcherError)
    assert set(problems.STATUS) == kinds
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_times_keep_their_milliseconds_for_ever() -> None:
    """There and back, from 1900 to 2200."""
    for year in range(1900, 2200, 7):
        for ms in (0, 1, 499, 999):
            at = datetime(year, 3, 28, 23, 59, 59, tzinfo=UTC) + timedelta(milliseconds=ms)
            assert milliseconds(moment(milliseconds(at))) == milliseconds(at)
            assert wire.moment(serialize.utc(at), "from") == at


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia", "Africa/Monrovia"])
def test_times_of_lists_are_those_of_the_calendar(name: str) -> None:
    """Put together of pieces, they say what `datetime` says: around each change of the clocks, and in other years."""
    zone = ZoneInfo(name)
    changes = [
        "2026-03-29T01:00",
        "2026-10-25T01:00",
        "2011-12-30T10:00",
        "1972-01-07T00:44:30",
        "1969-12-31T23:59",
    ]
    starts = [milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in changes]
    for at in [start + step for start in starts for step in (-86_400_000, -1, 0, 1, 999, 3_600_000, 86_399_999)]:
        assert serialize.utc_of(at) == serialize.utc(moment(at))
        here = moment(at).astimezone(zone)
        assert serialize.local_time(clip_at(at, None), zone) == here.isoformat(timespec="milliseconds")
        there = here.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
        assert serialize.local_time(clip_at(at, -12600), zone) == there.isoformat(timespec="milliseconds")


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
