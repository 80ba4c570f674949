"""JPEGs that cameras leave: each becomes the poster of the clip that it shows."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests import clips
from tests.running import RunningUnit, wait_for
from watcher.ingest import pictures

RED = (220, 20, 20)


def jpeg(colour: tuple[int, int, int] = RED) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 360), colour).save(out, "JPEG")
    return out.getvalue()


def is_red(unit: RunningUnit, key: str) -> bool:
    """Whether a clip's poster is the red picture; None yet is no."""
    clip = unit.clip(key)
    if not clip or not clip["poster_url"]:
        return False
    answer = unit.get(clip["poster_url"])
    if answer.status_code != 200:  # replaced between the two questions
        return False
    red, green, blue = Image.open(io.BytesIO(answer.content)).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return red > 150 and green < 80 and blue < 80


def test_a_picture_that_comes_before_its_clip(unit: RunningUnit, samples: Path) -> None:
    """As Reolink sends it: the picture at the beginning, the clip at the end."""
    clips.leave(unit.video / "porch/Porch_00_20260125173000.jpg", jpeg())
    time.sleep(0.3)  # nothing is to happen by itself
    clips.leave(
        unit.video / "porch/Porch_00_20260125173000.mp4", clips.stamp((samples / "plain.mp4").read_bytes(), 1)
    )
    wait_for(lambda: is_red(unit, "porch/Porch_00_20260125173000.mp4"), what="the camera's own picture")
    assert [c["key"] for c in unit.clips(camera="Porch")] == ["porch/Porch_00_20260125173000.mp4"]


def test_a_picture_that_comes_after_the_poster_was_made(unit: RunningUnit, samples: Path) -> None:
    """It takes the place of the clip's own; the older poster's file goes."""
    key = "porch/Porch_00_20260126173000"
    clips.leave(unit.video / f"{key}.mp4", clips.stamp((samples / "plain.mp4").read_bytes(), 2))
    first = wait_for(lambda: (c := unit.clip(f"{key}.mp4")) and c["poster_url"] and c, what="a poster")
    assert not is_red(unit, f"{key}.mp4")
    clips.leave(unit.video / f"{key}.jpg", jpeg())
    wait_for(lambda: is_red(unit, f"{key}.mp4"), what="the camera's own picture")
    assert unit.clip(f"{key}.mp4")["revision"] > first["revision"]
    wait_for(lambda: unit.get(first["poster_url"]).status_code == 404, what="the end of the older poster")


def test_a_picture_of_the_same_camera_and_time(unit: RunningUnit, samples: Path) -> None:
    """Dahua's, in folders of their own: taken a second after the clip began."""
    clips.leave(unit.video / "2026-05-09/001/jpg/06/07/28[M][0@0][0].jpg", jpeg())
    clips.leave(unit.video / "2026-05-09/001/jpg/09/07/28[M][0@0][0].jpg", jpeg())
    key = "2026-05-09/001/dav/06/06.07.27-06.07.29[M][0@0][0].mp4"
    other = "2026-05-09/001/dav/07/07.07.27-07.07.29[M][0@0][0].mp4"
    clips.leave(unit.video / other, clips.stamp((samples / "plain.mp4").read_bytes(), 3))
    clips.leave(unit.video / key, clips.stamp((samples / "plain.mp4").read_bytes(), 4))
    wait_for(lambda: is_red(unit, key), what="the camera's own picture")
    wait_for(lambda: unit.clip(other)["poster_url"], what="a poster of the other one")
    assert not is_red(unit, other)


def test_pictures_with_odd_names_and_times_stop_nothing(unit: RunningUnit, samples: Path) -> None:
    """Not UTF-8, longer than a key may be, from before 1970 or far beyond it: clips go on being listed."""
    folder = unit.video / "odd"
    folder.mkdir()
    base = os.fsencode(folder)
    for name in (b"Caf\xe9_00_20260125173000.jpg", b"n" * 200 + b"_00_20260125173000.jpg"):
        with open(base + b"/" + name, "wb") as file:
            file.write(jpeg())
    for number, seconds in enumerate((-86400 * 365 * 60, 2**33)):
        path = folder / f"Odd_00_2026012517300{number}.jpg"
        path.write_bytes(jpeg())
        os.utime(path, (seconds, seconds))
    deep = folder / "/".join(["d" * 200] * 5)
    deep.mkdir(parents=True)
    (deep / "Deep_00_20260125173000.jpg").write_bytes(jpeg())
    assert unit.run("scan").returncode == 0
    time.sleep(1.2)  # until the folders were compared twice
    clips.leave(folder / "after.mp4", clips.stamp((samples / "plain.mp4").read_bytes(), 77))
    unit.wait_clip("odd/after.mp4")
    assert "failed" not in unit.logged()
    assert unit.problems() == {}


@pytest.mark.parametrize("bad", [b"", b"no picture at all", jpeg()[:40]])
def test_a_picture_that_is_none_costs_nothing(bad: bytes, unit: RunningUnit, samples: Path) -> None:
    """The clip keeps, or gets, its own poster, and is not called broken."""
    key = f"porch/Porch_00_2026020117{len(bad):02}00"
    clips.leave(unit.video / f"{key}.jpg", bad)
    clips.leave(unit.video / f"{key}.mp4", clips.stamp((samples / "plain.mp4").read_bytes(), 10 + len(bad)))
    clip = wait_for(lambda: (c := unit.clip(f"{key}.mp4")) and c["poster_url"] and c, what="a poster")
    assert (clip["state"], clip["error"]) == ("ready", None)
    assert not is_red(unit, f"{key}.mp4")


@pytest.mark.slow
def test_a_collection_keeps_its_pictures(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """More of them than are kept in mind, all there before the first start; and the camera's word survives a scan."""
    count = pictures.UNMATCHED + 100
    data, red = (samples / "plain.mp4").read_bytes(), jpeg()
    for number in range(count):
        stem = tmp_path / f"own/data/video/yard/Yard_00_20250125{number // 60:02}{number % 60:02}00"
        clips.leave(stem.with_suffix(".jpg"), red)
        clips.leave(stem.with_suffix(".mp4"), clips.stamp(data, 100 + number))
    unit = start_unit()
    keys = [
        f"yard/Yard_00_20250125{number // 60:02}{number % 60:02}00.mp4" for number in (0, count // 2, count - 1)
    ]
    wait_for(lambda: all(is_red(unit, key) for key in keys), seconds=300, what="the cameras' own pictures")
    assert "all invariants hold" in unit.run("check").stdout
    unit.run("scan", "--again")
    assert all(is_red(unit, key) for key in keys)
