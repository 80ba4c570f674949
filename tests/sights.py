"""Clips with something on them: photographs that scikit-image ships (public domain or CC0), pasted on made yards.

What they can prove: that pictures reach the model as they are, turned, dark, grey and small; that boxes and seconds
are right; that nothing is seen where nothing is. Not how well the model does at a real camera.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

KNOWN = {  # file: label, and the part of it that is the thing, in pixels
    "astronaut.png": ("person", (20, 0, 440, 512)),
    "camera.png": ("person", (100, 40, 400, 512)),
    "chelsea.png": ("cat", (0, 0, 451, 300)),
    "coffee.png": ("cup", (80, 0, 560, 400)),
    "motorcycle_left.png": ("motorcycle", (60, 20, 690, 490)),
}


def pictures() -> Path:
    """The folder of photographs; skips where scikit-image is not installed."""
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        pytest.skip("scikit-image is not installed (requirements/pictures.txt)")
    return Path(found.submodule_search_locations[0]) / "data"


class Thing(NamedTuple):
    """A photograph on a clip: where its middle is, how high it is, from when to when."""

    file: str
    x: float = 0.5  # in shares of the picture
    y: float = 0.6
    height: float = 0.5
    begin: float = 0.0  # seconds
    end: float = 1e9
    speed: float = 0.0  # shares of the picture's width a second

    @property
    def label(self) -> str:
        return KNOWN[self.file][0]


def yard(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Sky, a wall and a lawn, with some roughness: nothing that a model has a name for."""
    chance, (wide, high) = random.Random(seed), size
    picture = Image.new("RGB", size, (150, 165, 180))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, high * 0.25, wide, high * 0.55), fill=(140 + seed % 5 * 8, 130, 118))
    draw.rectangle((0, high * 0.55, wide, high), fill=(95, 115 + seed % 3 * 10, 80))
    for _ in range(wide * high // 60):
        x, y = chance.randrange(wide), chance.randrange(high)
        step = chance.randrange(-18, 18)
        r, g, b = picture.getpixel((x, y))  # type: ignore[misc]
        draw.point((x, y), fill=(r + step, g + step, b + step))
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def frame(size: tuple[int, int], things: Sequence[Thing], at: float = 0.0, *, seed: int = 0) -> Image.Image:
    """One picture of a clip, at so many seconds."""
    picture = yard(size, seed)
    for thing in things:
        if not thing.begin <= at < thing.end:
            continue
        with Image.open(pictures() / thing.file) as whole:
            cut = whole.convert("RGB").crop(KNOWN[thing.file][1])
        high = round(thing.height * size[1])
        cut = cut.resize((max(1, round(cut.width * high / cut.height)), high), Image.Resampling.LANCZOS)
        x = thing.x + thing.speed * (at - thing.begin)
        picture.paste(cut, (round(x * size[0] - cut.width / 2), round(thing.y * size[1] - high / 2)))
    return picture


def film(
    path: Path,
    things: Sequence[Thing] = (),
    *,
    seconds: float = 8.0,
    size: tuple[int, int] = (640, 360),
    fps: int = 5,
    key_every: int = 10,
    bright: float = 1.0,
    grey: bool = False,
    seed: int = 0,
) -> Path:
    """An H.264 clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": str(key_every), "crf": "20"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * fps)):
            picture = frame(size, things, number / fps, seed=seed)
            picture = ImageEnhance.Brightness(picture).enhance(bright) if bright != 1 else picture
            picture = picture.convert("L").convert("RGB") if grey else picture
            made = av.VideoFrame.from_image(picture)
            made.pts, made.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(made))
        out.mux(stream.encode(None))
    return path
