"""Days and hours in any zone, against the zone itself asked for each quarter of an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from watcher.model.buckets import QUARTER, Bucket, bounds, offsets, place, quarter_of, spans, whole
from watcher.model.clip import EPOCH

ZONES = ["UTC", "Europe/Berlin", "America/Chicago", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]
ZONES += ["America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia"]


@pytest.mark.parametrize("zone", [ZoneInfo(name) for name in ZONES], ids=str)
def test_every_quarter_is_in_its_own_day_and_hour(zone: ZoneInfo) -> None:
    """Through years with changes of summer time, midnights that are skipped and a day that never was."""
    first, end = quarter_of(datetime(2011, 6, 1, tzinfo=UTC)), quarter_of(datetime(2012, 12, 1, tzinfo=UTC))
    at = first
    for span in spans(first, end, zone):
        assert span.first == at
        for quarter in range(span.first, span.end):
            moment = EPOCH + quarter * QUARTER
            local = moment.astimezone(zone)
            assert local.utcoffset() == span.offset * QUARTER
            start, until = bounds(place(quarter, span.offset, Bucket.DAY), Bucket.DAY, zone)
            assert start <= moment < until
            # Its start is the first moment of that date: the one before it is of another.
            assert start.astimezone(zone).date() == local.date()
            assert (start - timedelta(seconds=1)).astimezone(zone).date() != local.date()
            start, until = bounds(place(quarter, span.offset, Bucket.HOUR), Bucket.HOUR, zone)
            assert start <= moment < until
            assert (start.astimezone(zone).minute, until - start) == (0, timedelta(hours=1)) or "Lord" in str(zone)
        at = span.end
    assert at == end


def test_two_changes_within_a_week_are_both_found() -> None:
    """The clocks of Noronha went on and back in October 2000."""
    first, end = (quarter_of(datetime(2000, month, 1, tzinfo=UTC)) for month in (9, 12))
    zone = ZoneInfo("America/Noronha")
    assert [span.offset for span in spans(first, end, zone)] == [-8, -4, -8]
    assert offsets(first, end, zone) == {-8, -4}


def test_days_of_a_change_of_summer_time_have_23_and_25_hours() -> None:
    """And a span of time is widened to whole days."""
    zone = ZoneInfo("Europe/Berlin")
    for day, hours in ((datetime(2026, 3, 29, 12, tzinfo=UTC), 23), (datetime(2026, 10, 25, 12, tzinfo=UTC), 25)):
        first, end = whole(day, day + timedelta(seconds=1), Bucket.DAY, zone)
        assert end - first == hours * 4
        assert (EPOCH + first * QUARTER).astimezone(zone).hour == 0
