"""Day, twilight and night on a running watcher: by the sun where the site is told, else by the pictures."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.running import RunningUnit, wait_for

SCENES = {
    "colours": "testsrc2=s=320x180:r=10:d=4",
    "infrared": "testsrc2=s=320x180:r=10:d=4,hue=s=0",
    "dark": "testsrc2=s=320x180:r=10:d=4,eq=brightness=-0.42:saturation=0.4",
}


def test_by_the_pictures(unit: RunningUnit) -> None:
    """What has colours is day; what has none is seen by infrared, and what is dark is night."""
    (unit.video / "seen").mkdir()
    for name, scene in SCENES.items():
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", scene, "-c:v", "libx264", "-g", "10"]
        subprocess.run([*command, str(unit.folder / "s.mp4")], check=True, timeout=60)
        (unit.folder / "s.mp4").replace(unit.video / "seen" / f"{name}.mp4")

    def known() -> dict[str, str] | None:
        by_key = {clip["key"]: clip["light"] for clip in unit.clips(camera="seen")}
        return by_key if len(by_key) == 3 and all(by_key.values()) else None

    assert wait_for(known, what="the light of each") == {
        "seen/colours.mp4": "day",
        "seen/infrared.mp4": "night",
        "seen/dark.mp4": "night",
    }
    assert [clip["key"] for clip in unit.clips(camera="seen", light="day")] == ["seen/colours.mp4"]
    assert len(unit.clips(camera="seen", light=["day", "night"])) == 3
    refused = unit.get("/watcher/clips?light=noon")
    assert (refused.status_code, refused.json()["parameter"]) == (400, "light")


@pytest.mark.slow
def test_by_the_sun(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Before any picture is made; of old clips too; another site is another sun, and none is none."""
    settings = {"WATCHER_SITE__TIMEZONE": "Europe/Berlin", "WATCHER_RENDER__WORKERS": "0"}
    unit = start_unit(settings=settings)
    data = (samples / "plain.mp4").read_bytes()
    for number, name in enumerate(("20260621_120000", "20260621_000000", "20260621_044000", "20241221_164500")):
        path = unit.video / "porch" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp(data, number))
    assert wait_for(lambda: len(clips := unit.clips()) == 4 and clips, what="four clips")[0]["light"] is None

    def lights() -> list[str | None]:
        return [clip["light"] for clip in unit.clips(sort="started_at")]

    def with_site(location: str) -> None:
        unit.stop()
        unit.environment["WATCHER_SITE__LOCATION"] = location
        unit.start()

    with_site("52.52, 13.405")
    wait_for(lambda: lights() == ["night", "night", "twilight", "day"], what="the sun in Berlin")
    assert [clip["key"] for clip in unit.clips(light="twilight")] == ["porch/20260621_044000.mp4"]
    with_site("69.65, 18.95")
    wait_for(lambda: lights() == ["night", "day", "day", "day"], what="the midnight sun")
    with_site("")
    wait_for(lambda: lights() == [None] * 4, what="no site")
    unit.stop()
    unit.environment["WATCHER_SITE__LOCATION"] = "north"
    refused = unit.run("check")
    assert refused.returncode != 0
    assert "site.location" in refused.stdout + refused.stderr
