"""Retention by rules on a running watcher: what goes is what the plan said, and what must not go stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.slow


def leave(unit: RunningUnit, samples: Path, days: int, number: int, camera: str = "porch") -> str:
    """A clip that began so many days ago."""
    key, _ = clips.aged(days, number, camera)
    clips.leave(unit.video / key, clips.stamp((samples / "plain.mp4").read_bytes(), number))
    unit.wait_clip(key, state="ready")
    return key


def test_clips_go_by_age_and_no_other_ones(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """First nothing goes, and the plan says what would; then it goes, but for what is held."""
    unit = start_unit()
    assert unit.get("/watcher/retention/plan").json()["clips"] == []
    assert "no rule" in unit.run("retention", "plan").stdout
    old, held, young = (leave(unit, samples, days, number) for number, days in enumerate((9, 9, 2)))
    clip = unit.clip(held)
    assert clip is not None
    requests.patch(unit.url(clip["links"]["self"]), json={"held": True}, timeout=10)
    unit.stop()
    unit.environment["WATCHER_RETENTION__MAX_AGE_DAYS"] = "7"
    unit.environment["WATCHER_RETENTION__GRACE_DAYS"] = "0"
    output = unit.run("retention", "plan").stdout
    assert old in output
    assert "1 clips of" in output
    assert held not in output
    assert young not in output
    unit.start()
    wait_for(lambda: unit.clip(old) is None, what="its end")
    wait_for(lambda: not (unit.video / old).exists(), what="the end of its file")
    assert unit.clip(held) is not None
    assert unit.clip(young) is not None
    wait_for(lambda: "went by the rule of age" in unit.logged(), what="the log to say so")
    assert unit.get("/watcher/retention/plan").json()["clips"] == []
    assert unit.run("check").returncode == 0


def test_nothing_goes_from_a_root_that_is_not_ours(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Without its marker the root may be an empty mount point, or another disk."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    keys = [leave(unit, samples, 9, number) for number in range(3)]
    unit.stop()
    marker = next(path for path in unit.video.iterdir() if path.name.startswith("."))
    text = marker.read_text()
    marker.unlink()
    unit.environment["WATCHER_RETENTION__MAX_AGE_DAYS"] = "7"
    unit.environment["WATCHER_RETENTION__GRACE_DAYS"] = "0"
    swept = unit.run("sweep")
    assert swept.returncode == 1
    assert "marker" in swept.stdout
    assert all((unit.video / key).exists() for key in keys)
    marker.write_text(text)
    swept = unit.run("sweep")
    assert "age: 3 clips" in swept.stdout
    assert not any((unit.video / key).exists() for key in keys)
    assert "nothing had to go" in unit.run("sweep").stdout


def test_the_oldest_go_when_there_is_too_much(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Of all, and of a camera: just so many that what is left fits."""
    unit = start_unit()
    keys = [leave(unit, samples, 8 - number, number) for number in range(6)]
    gate = [leave(unit, samples, 1, number, "gate") for number in (20, 21, 22)]
    unit.stop()
    size = max(path.stat().st_size for path in unit.video.rglob("*.mp4"))
    (unit.folder / "watcher.toml").write_text(
        f"[retention]\nmax_bytes = {6 * size}\n[[retention.cameras]]\ncamera = 'gate'\nmax_bytes = {2 * size}\n"
    )
    plan = unit.run("retention", "plan").stdout
    assert plan.count("camera_bytes") == 1
    assert plan.count("\nbytes ") + plan.startswith("bytes ") == 2
    unit.start()
    wait_for(lambda: len(unit.clips()) == 6, what="what fits")
    left = {clip["key"] for clip in unit.clips()}
    assert left == {*keys[2:], *gate[1:]}
    wait_for(lambda: len(list(unit.video.rglob("*.mp4"))) == 6, what="the end of the files")
    assert unit.run("check").returncode == 0


def test_no_clock_takes_a_clip_that_has_just_come(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Named and dated 1970, 2000, 2012, 2037: with retention by age, all are there."""
    unit = start_unit(settings={"WATCHER_RETENTION__MAX_AGE_DAYS": "30"})
    names = {f"{year}-01-01_{hour}-00-00.mp4": (year, hour) for year in (2000, 2012, 2037) for hour in ("10", "11")}
    for number, (name, (year, _)) in enumerate([*names.items(), ("clip.mp4", (1970, "0"))]):
        data = clips.stamp((samples / "plain.mp4").read_bytes(), number)
        path = unit.video / "gate" / f".{name}.part"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        at = datetime(year, 1, 2, tzinfo=UTC).timestamp()
        os.utime(path, (at, at))
        path.rename(unit.video / "gate" / name)
    for name in [*names, "clip.mp4"]:
        unit.wait_clip(f"gate/{name}", state="ready")
    assert "nothing had to go" in unit.run("sweep").stdout
    assert all((unit.video / "gate" / name).exists() for name in [*names, "clip.mp4"])


def test_much_at_once_waits_for_a_word(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """A setting that means more than a fifth of a camera: readyz, Status, plan and log say so; then it goes on."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    keys = [leave(unit, samples, 9, number) for number in range(25)]
    unit.stop()
    unit.environment |= {"WATCHER_RETENTION__MAX_AGE_DAYS": "7", "WATCHER_RETENTION__GRACE_DAYS": "0"}
    unit.start()
    output = wait_for(
        lambda: unit.get("/watcher/readyz").json().get("warnings", {}).get("retention"), what="the warning"
    )
    assert "25 clips wait" in output
    assert "25 clips wait" in unit.get("/watcher/status", headers={"Accept": "text/html"}).text
    plan = unit.get("/watcher/retention/plan").json()
    assert (plan["clips"], plan["waiting"][0]["clips"], plan["allowed_until"]) == ([], 25, None)
    unit.wait_logged("watcher retention allow")
    assert all((unit.video / key).exists() for key in keys)
    assert requests.post(unit.url("/watcher/retention/allow"), timeout=10).json()["allowed_until"]
    wait_for(lambda: not any((unit.video / key).exists() for key in keys), what="their end", seconds=60)
    wait_for(
        lambda: "retention" not in unit.get("/watcher/readyz").json().get("warnings", {}),
        what="no warning",
        seconds=60,
    )
    assert "nothing waits" in unit.run("retention", "allow").stdout
