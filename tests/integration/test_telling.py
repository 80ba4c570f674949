"""The poster is the frame that shows what happened, and the clip says when that was."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import pytest
import requests
from PIL import Image, ImageDraw

from tests.running import RunningUnit, wait_for

FPS, SECONDS = 10, 24
SIZE = (320, 180)
Scene = Callable[[ImageDraw.ImageDraw, float], None]


def film(path: Path, scene: Scene) -> Path:
    """A garden with a camera's noise, a key frame each second; `scene` draws into it by the second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dice = random.Random(7)
    garden = Image.new("RGB", SIZE, (70, 110, 70))
    draw = ImageDraw.Draw(garden)
    for _ in range(300):
        x, y, shade = dice.randrange(320), dice.randrange(180), dice.randrange(40, 150)
        draw.rectangle((x, y, x + 20, y + 9), fill=(shade // 2, shade, shade // 2))
    with av.open(str(path.with_suffix(".part")), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size = FPS
        for number in range(FPS * SECONDS):
            picture = garden.copy()
            brush = ImageDraw.Draw(picture)
            scene(brush, number / FPS)
            for _ in range(200):  # noise
                brush.point((dice.randrange(320), dice.randrange(180)), fill=(dice.randrange(60, 140),) * 3)
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    path.with_suffix(".part").rename(path)
    return path


def nothing(_brush: ImageDraw.ImageDraw, _second: float) -> None:
    """Only noise."""


def visitor(brush: ImageDraw.ImageDraw, second: float) -> None:
    """Somebody in red, from the 14th second to the 18th."""
    if 14 <= second < 18:
        brush.rectangle((140, 60, 180, 150), fill=(220, 30, 30))


def waking(brush: ImageDraw.ImageDraw, second: float) -> None:
    """A camera that begins in the dark, and sees nothing happen."""
    if second < 3:
        brush.rectangle((0, 0, 320, 180), fill=(2, 2, 2))


def flash(brush: ImageDraw.ImageDraw, second: float) -> None:
    """The visitor, and grey seconds before: a torn recording differs most, and shows nothing."""
    if 4 <= second < 7:
        brush.rectangle((0, 0, 320, 180), fill=(128, 128, 128))
    visitor(brush, second)


def finished(unit: RunningUnit, key: str) -> tuple[dict, Image.Image]:
    """The clip with its sprite, and its poster."""
    clip = wait_for(lambda: (c := unit.clip(key)) and c["sprite"] and c, what="its sprite")
    return clip, Image.open(BytesIO(unit.get(clip["poster_url"]).content)).convert("RGB")


def seconds_in(clip: dict) -> float:
    """How far into the clip its significant moment is."""
    at, start = (datetime.fromisoformat(clip[name]) for name in ("significant_at", "started_at"))
    return (at - start).total_seconds()


@pytest.mark.parametrize("scene", [visitor, flash])
def test_the_visitor_is_on_the_poster(unit: RunningUnit, scene: Scene) -> None:
    """Who came late, and not the empty garden; dark and torn pictures come last."""
    film(unit.video / "telling" / f"{scene.__name__}.mp4", scene)
    clip, poster = finished(unit, f"telling/{scene.__name__}.mp4")
    red, green, _ = poster.getpixel((160, 100))
    assert red > 150
    assert green < 90
    assert 14 <= seconds_in(clip) < 18
    assert requests.delete(unit.url(clip["links"]["self"]), timeout=10).status_code == 204
    assert list((unit.data / "renditions").rglob(f"{clip['id']}-*")) == [], "the plain poster goes too"


def test_a_dark_beginning_is_not_the_poster(unit: RunningUnit) -> None:
    """Though nothing has happened in the others."""
    film(unit.video / "telling" / "waking.mp4", waking)
    clip, poster = finished(unit, "telling/waking.mp4")
    assert poster.getpixel((160, 100))[1] > 30
    assert seconds_in(clip) >= 3


def test_where_nothing_happens_the_first_frame_stays(unit: RunningUnit) -> None:
    """And no moment is called significant."""
    film(unit.video / "telling" / "nothing.mp4", nothing)
    clip, _ = finished(unit, "telling/nothing.mp4")
    assert clip["significant_at"] is None
    assert "." not in clip["poster_url"].rpartition("-")[2].removesuffix(".webp")


def test_the_cameras_own_picture_stays(unit: RunningUnit) -> None:
    """It is the camera's choice; when it was is told all the same."""
    own = Image.new("RGB", SIZE, (20, 20, 200))
    (unit.video / "telling").mkdir(exist_ok=True)
    own.save(unit.video / "telling" / "Gate_00_20261121070000.jpg")
    film(unit.video / "telling" / "Gate_00_20261121070000.mp4", visitor)
    clip, poster = finished(unit, "telling/Gate_00_20261121070000.mp4")
    assert poster.getpixel((160, 100))[2] > 150
    assert 14 <= seconds_in(clip) < 18
