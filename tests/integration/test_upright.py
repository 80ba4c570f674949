"""Posters and sprites are laid as players lay the film: by its matrix, with square pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from watcher.media.probe import probe
from watcher.workers.process import Worker

WIDTH, HEIGHT = 160, 96
QUARTERS = {(-1, -1): "red", (1, -1): "lime", (-1, 1): "blue", (1, 1): "white"}  # by where they lie
COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
# a, b, c, d of a matrix: x' = a x + c y and y' = b x + d y (ISO/IEC 14496-12, 8.5.3).
MATRICES = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MATRICES += [(-1, 0, 0, 1), (0, -1, -1, 0), (1, 0, 0, -1), (0, 1, 1, 0)]


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    process = Worker(timeout_seconds=60)
    yield process
    process.close()


def film(path: Path, matrix: tuple[int, int, int, int], aspect: Fraction) -> Path:
    """Four quarters of different colours, two seconds long."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    for (x, y), colour in QUARTERS.items():
        quarter = Image.new("RGB", (WIDTH // 2, HEIGHT // 2), COLOURS[colour])
        picture.paste(quarter, ((x + 1) // 2 * WIDTH // 2, (y + 1) // 2 * HEIGHT // 2))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.sample_aspect_ratio, stream.codec_context.gop_size = aspect, 3
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame.from_image(picture)))
        out.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    a, b, c, d = (number << 16 for number in matrix)
    struct.pack_into(">5i", data, data.index(b"tkhd") + 4 + 40, a, b, 0, c, d)
    path.write_bytes(data)
    return path


def quarters(picture: Image.Image) -> dict[tuple[int, int], str]:
    """Which colour lies in each quarter."""
    colours = {}
    for x, y in QUARTERS:
        at = (picture.width * (2 + x) // 4, picture.height * (2 + y) // 4)
        seen = picture.getpixel(at)
        colours[x, y] = min(
            COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], seen, strict=True))
        )
    return colours


@pytest.mark.parametrize(
    "aspect",
    [
        Fraction(1),
        pytest.param(Fraction(2), marks=pytest.mark.slow),
        pytest.param(Fraction(1, 2), marks=pytest.mark.slow),
    ],
    ids=["square", "wide", "narrow"],
)
@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_pictures_are_laid_as_the_film(
    worker: Worker, tmp_path: Path, matrix: tuple[int, int, int, int], aspect: Fraction
) -> None:
    path = film(tmp_path / "film.mp4", matrix, aspect)
    a, b, c, d = matrix
    expected = {(a * x + c * y, b * x + d * y): colour for (x, y), colour in QUARTERS.items()}
    shape = WIDTH * aspect / HEIGHT if a else HEIGHT / (WIDTH * aspect)
    with path.open("rb") as file:
        video = probe(file.fileno(), path.stat().st_size, "mp4").media.video
    assert (video.pixel_aspect or (1, 1)) == (aspect.numerator, aspect.denominator)
    # Left and right are exchanged first, then it is turned clockwise.
    expected_colours = {((-x if video.mirrored else x), y): colour for (x, y), colour in QUARTERS.items()}
    for _ in range(video.rotation // 90):
        expected_colours = {(-y, x): colour for (x, y), colour in expected_colours.items()}
    assert expected_colours == expected

    worker.ask_poster(str(path), tmp_path / "poster.webp", video.rotation)
    worker.answer()
    worker.ask_sprite(str(path), tmp_path / "sprite.webp", video.rotation)
    sprite = worker.answer()
    poster = Image.open(tmp_path / "poster.webp").convert("RGB")
    tile = Image.open(tmp_path / "sprite.webp").convert("RGB").crop((0, 0, sprite.tile_width, sprite.tile_height))
    for picture in (poster, tile):
        assert quarters(picture) == expected
        assert picture.width / picture.height == pytest.approx(float(shape), rel=0.05)
