"""What a key tells."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watcher.naming import UNSORTED, Ignoring, presets, read_name

BERLIN, CHICAGO, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Chicago"), ZoneInfo("Asia/Kolkata")
LATER = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "zone", "camera", "started_at"),
    [
        ("porch/2026-11-21/070000.mp4", BERLIN, "porch", "2026-11-21T06:00:00+00:00"),
        ("porch/2026-11-21/070000.mp4", CHICAGO, "porch", "2026-11-21T13:00:00+00:00"),
        ("porch/2026-11-21/070000.mp4", KOLKATA, "porch", "2026-11-21T01:30:00+00:00"),
        ("Camera1/2026-03-05/12-00-00.mp4", BERLIN, "Camera1", "2026-03-05T11:00:00+00:00"),
        ("1706108297-1706108310.mp4", BERLIN, UNSORTED, "2024-01-24T14:58:17+00:00"),
        ("recordings/2026-03-05/17/front/04.10.mp4", CHICAGO, "front", "2026-03-05T17:04:10+00:00"),
        ("01-20260305120000.mkv", BERLIN, "01", "2026-03-05T11:00:00+00:00"),
        ("FrontDoor.20260305_120000.mp4", BERLIN, "FrontDoor", "2026-03-05T11:00:00+00:00"),
        ("cam1/2026-03-05_12-00-00-123456.mp4", BERLIN, "cam1", "2026-03-05T11:00:00+00:00"),
        ("Roof_2020-11-09T10_30_54-0800.mp4", BERLIN, "Roof", "2020-11-09T18:30:54+00:00"),
        ("cam1_20261121_014304-0500.mp4", KOLKATA, "cam1", "2026-11-21T06:43:04+00:00"),
        ("x/20240229_235959.mp4", UTC, "x", "2024-02-29T23:59:59+00:00"),
        ("x/20230229_235959.mp4", UTC, "x", None),  # no leap year
        ("x/19700101_000000.mp4", UTC, "x", None),  # a camera without a clock
        ("x/20991231_000000.mp4", UTC, "x", None),
        ("x/clip.mp4", UTC, "x", None),
        ("clip.mp4", UTC, UNSORTED, None),
        ("x/2026-03-29/023000.mp4", BERLIN, "x", "2026-03-29T01:30:00+00:00"),  # the hour that was skipped
    ],
)
def test_names(key: str, zone: ZoneInfo, camera: str, started_at: str | None) -> None:
    """Camera and instant of each, in the zone of the site."""
    reading = read_name(key, zone=zone, modified_at=LATER)
    assert reading.camera == camera
    assert reading.started_at == (None if started_at is None else datetime.fromisoformat(started_at))


@pytest.mark.parametrize(
    ("modified", "started"),
    [("2026-10-25T00:31:00", "2026-10-25T00:30:00"), ("2026-10-25T01:31:00", "2026-10-25T01:30:00")],
)
def test_the_hour_that_comes_twice_is_told_apart_by_the_files_time(modified: str, started: str) -> None:
    """A file of 02:30 that was closed at 00:31 UTC is of the first 02:30, and at 01:31 UTC of the second."""
    modified_at = datetime.fromisoformat(modified + "+00:00")
    reading = read_name("x/2026-10-25/023000.mp4", zone=BERLIN, modified_at=modified_at)
    assert reading.started_at == datetime.fromisoformat(started + "+00:00")


def test_presets_are_unique_and_compile() -> None:
    """Their names are what messages show."""
    names = [rule.name for rule, _ in presets()]
    assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize(
    ("key", "ignored"),
    [
        ("a/b.mp4", False),
        ("a/B.MP4", False),
        ("a/.b.mp4", True),
        ("a/.b.mp4.Xy12Zq", True),
        ("a/b.mp4.part", True),
        ("@eaDir/b.mp4", True),
        ("a/Thumbs.db", True),
        ("watcher/b.mp4", True),
        ("watchers/b.mp4", False),
        ("a/" + "x" * 1100 + ".mp4", True),
        ("a/\udcff.mp4", True),
        (".mp4", True),
        ("mp4", True),
    ],
)
def test_ignored_names(key: str, ignored: bool) -> None:
    """What is passed over by its name, by the long way and by the short one."""
    name = key.rpartition("/")[2]
    assert (Ignoring().accepts(name) is None) == (Ignoring().file(name) is not None)
    assert (Ignoring().key(key) is not None) == ignored
