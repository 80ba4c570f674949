"""Cameras that should have left clips and did not: learnt from their own rhythm, or said; told everywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests import clips
from tests.builders import probed
from tests.integration.test_webhooks import Listener
from tests.integration.test_webhooks import hooks as hook_settings
from tests.running import RunningUnit, wait_for
from watcher.catalog import migrate
from watcher.ingester.silence import SilenceWatch
from watcher.model.clip import ClipFilter
from watcher.services import Services, open_services
from watcher.settings.schema import CameraSilence, Settings, Silence
from watcher.storage import status


def now() -> datetime:
    """That of each test: this module may have been imported long ago."""
    return datetime.now(UTC).replace(microsecond=0)


def watched(folder: Path, settings: Settings) -> Services:
    """A catalog whose ingester has just scanned."""
    services = open_services(settings, folder)
    services.places.make()
    migrate(services.catalog.database.engine)
    state = status.Status(
        pid=os.getpid(), watching="native", settling=0, scanning=False, last_scan_at=now(), problems={}
    )
    status.write(services.places.status, state)
    return services


def leave(services: Services, camera: str, hours_ago: list[float]) -> None:
    """Catalog clips of a camera, of that long ago."""
    at = now()
    batch = [
        probed(f"{camera}/{number}-{ago}.mp4", camera=camera, started_at=at - timedelta(hours=ago))
        for number, ago in enumerate(hours_ago)
    ]
    services.catalog.writes.put(batch, now=at)


def silent(services: Services) -> dict[str, bool]:
    SilenceWatch(services).turn()
    return {summary.camera: summary.silent for summary in services.catalog.clips.camera_summaries()}


def test_by_its_own_rhythm(tmp_path: Path) -> None:
    """Hourly clips, days without nights, a new camera, one that was broken once: each by what it did before."""
    services = watched(tmp_path, Settings())
    leave(services, "hourly-fine", [0.5 + n for n in range(24 * 10)])
    leave(services, "hourly-silent", [3.0 + n for n in range(24 * 10)])
    # Eight hours a day, for ten days; the last of them ended fifteen hours ago, as every night.
    leave(services, "by-day", [15.0 + 24 * day + hour / 2 for day in range(10) for hour in range(16)])
    leave(services, "by-day-silent", [40.0 + 24 * day + hour / 2 for day in range(10) for hour in range(16)])
    leave(services, "new", [30.0, 29.5])
    outage = [3.0 + n for n in range(24 * 4)] + [24 * 9 + n for n in range(24 * 10)]
    leave(services, "broken-once", outage)
    assert silent(services) == {
        "broken-once": True,
        "by-day": False,
        "by-day-silent": True,
        "hourly-fine": False,
        "hourly-silent": True,
        "new": False,
    }
    expected = {summary.camera: summary.expected_by for summary in services.catalog.clips.camera_summaries()}
    assert expected["new"] is None
    last = services.catalog.clips.find(ClipFilter(cameras=("hourly-fine",)), limit=1).clips[0].ended_at
    assert timedelta(hours=1) <= expected["hourly-fine"] - last <= timedelta(hours=2)


def test_by_what_is_said(tmp_path: Path) -> None:
    """For all, for one; and some are nobody's concern."""
    table = Silence(after_hours=4, cameras=(CameraSilence("slow", 48),), ignore=("shed",))
    services = watched(tmp_path, Settings(silence=table))
    for camera in ("gate", "slow", "shed"):
        leave(services, camera, [5.0])
    assert silent(services) == {"gate": True, "slow": False, "shed": False}
    head = services.catalog.clips.head()
    assert silent(services) == {"gate": True, "slow": False, "shed": False}
    assert services.catalog.clips.head() == head, "looking again changes nothing"
    leave(services, "gate", [0.1])
    assert silent(services)["gate"] is False
    assert [(silence.camera, silence.silent) for silence in services.catalog.silences.after(0, 1 << 60)] == [
        ("gate", False)
    ]


def test_not_before_the_first_scan(tmp_path: Path) -> None:
    """What was left while the ingester was away is no silence."""
    services = watched(tmp_path, Settings(silence=Silence(after_hours=1)))
    leave(services, "gate", [5.0])
    state = status.Status(pid=1, watching="native", settling=0, scanning=True, last_scan_at=None, problems={})
    status.write(services.places.status, state)
    assert silent(services) == {"gate": False}
    services.places.status.unlink()
    assert silent(services) == {"gate": False}


@pytest.mark.slow
def test_it_is_told_everywhere(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """In `cameras`, the feed, the metrics, on the page, and to webhooks; and when it is back."""
    listener = Listener()
    try:
        unit = start_unit(settings={**hook_settings(listener.port), "WATCHER_SILENCE__AFTER_HOURS": "1"})
        wait_for(lambda: "nothing waits" in unit.run("webhooks").stdout, what="the hook")
        head = unit.get("/watcher/changes/head").json()["head"]
        here = ZoneInfo(unit.environment["TZ"])
        old = (datetime.now(here) - timedelta(hours=3)).strftime("%Y%m%d_%H%M%S")
        (unit.video / "gate").mkdir()
        (unit.video / "gate" / f"{old}.mp4").write_bytes((samples / "plain.mp4").read_bytes())

        def gate() -> dict:
            return next(iter(unit.get("/watcher/cameras").json()["cameras"]), {})

        wait_for(lambda: gate().get("silent"), what="its silence")
        assert gate()["expected_by"] > gate()["silent_since"]
        changes = unit.get(f"/watcher/changes?since={head}").json()
        assert [(camera["camera"], camera["silent"]) for camera in changes["cameras"]] == [("gate", True)]
        assert head < changes["cameras"][0]["seq"] <= changes["head"]
        assert 'watcher_camera_silent{camera="gate"} 1' in unit.get("/watcher/metrics").text
        text = unit.get("/watcher/status").text
        assert "Silent for " in text
        assert "a clip was due " in text

        new = datetime.now(here).strftime("%Y%m%d_%H%M%S")
        (unit.video / "gate" / f"{new}.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 1))
        wait_for(lambda: gate()["silent"] is False, what="its return")
        kinds = ("camera.silent", "camera.back")

        def words() -> list[dict]:
            events = [json.loads(body) for _, body in listener.deliveries]
            return [event for event in events if event["type"] in kinds]

        wait_for(lambda: len(words()) == 2, what="both words")
        assert [event["type"] for event in words()] == list(kinds)
        assert words()[0]["data"]["camera"] == "gate"

        def told() -> set[str]:
            return {json.loads(body)["type"] for _, body in listener.deliveries}

        wait_for(lambda: told() >= {*kinds, "clip.ready"}, what="the clips")
        assert told() == {*kinds, "clip.ready"}
    finally:
        listener.close()
