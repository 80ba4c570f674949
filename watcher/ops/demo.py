"""What sample cameras see, for `make demo` and the tests; and catalogs full of clips without files, for benchmarks.

The only module that imports Pillow.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import msgspec
from PIL import Image, ImageDraw, ImageFont

from watcher.catalog import Probed
from watcher.model.clip import AudioTrack, ClipState, Fingerprint, MediaInfo, Playable, TimeSource, VideoTrack
from watcher.services import Services

Colour = tuple[int, int, int]

SIZE = (640, 360)
RATE = 15  # pictures a second


@dataclass(frozen=True)
class Scene:
    """What one sample camera looks at."""

    camera: str
    sky: Colour
    ground: Colour
    mover: Colour
    label: str = "car"  # what comes by: a car, a person or a dog


SCENES = (
    Scene("porch", (122, 173, 214), (92, 120, 74), (196, 62, 52), "person"),
    Scene("gate", (241, 187, 120), (128, 110, 92), (52, 84, 158)),
    Scene("yard", (38, 48, 84), (40, 60, 52), (236, 214, 120), "dog"),
)


def leave_clip(folder: Path, scene: Scene, at: datetime, *, seconds: int, by_rename: bool) -> Path:
    """One clip as a camera leaves it: written under its final name, or renamed to it when done."""
    path = clip_path(folder, scene, at)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part") if by_rename else path
    write_clip(unfinished, scene, at, seconds=seconds)
    if by_rename:
        unfinished.replace(path)
    return path


def clip_path(folder: Path, scene: Scene, at: datetime) -> Path:
    """Where a sample camera leaves a clip."""
    return folder / scene.camera / f"{at:%Y-%m-%d}" / f"{at:%H%M%S}.mp4"


def write_clip(
    path: Path,
    scene: Scene,
    at: datetime,
    *,
    seconds: float,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    container_options: dict[str, str] | None = None,
) -> None:
    """Encode a moving picture with the camera's name and a running clock in it."""
    with av.open(str(path), "w", format="mp4", container_options=container_options or {}) as container:
        stream = cast("av.VideoStream", container.add_stream(codec, rate=RATE))
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = RATE
        stream.codec_context.time_base = Fraction(1, RATE)
        if codec == "libx264":
            stream.options = {"preset": "veryfast", "crf": "26"}
        for number in range(round(seconds * RATE)):
            frame = av.VideoFrame.from_image(picture(scene, at, number / RATE, size))  # type: ignore[no-untyped-call]
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def picture(scene: Scene, at: datetime, second: float, size: tuple[int, int]) -> Image.Image:
    """What a sample camera sees at a second of its clip."""
    width, height = size
    image = Image.new("RGB", size, scene.sky)
    draw = ImageDraw.Draw(image)
    horizon = height * 3 // 5
    for line in range(horizon):  # a sky that lightens towards the horizon
        share = line / horizon * 0.45
        draw.line([(0, line), (width, line)], fill=_mix(scene.sky, (255, 255, 255), share))
    for line in range(horizon, height):
        draw.line([(0, line), (width, line)], fill=_mix(scene.ground, (0, 0, 0), (line - horizon) / height * 0.7))
    hill = [
        (width * step / 24, horizon - height * (0.06 + 0.05 * math.sin(step * 0.7 + len(scene.camera))))
        for step in range(25)
    ]
    draw.polygon([(0, horizon), *hill, (width, horizon)], fill=_mix(scene.ground, scene.sky, 0.45))
    wall, roof, pane = _mix((214, 205, 190), scene.sky, 0.25), _mix((110, 66, 56), scene.sky, 0.2), (250, 222, 140)
    left, top = width * 0.6, horizon - height * 0.07
    draw.rectangle([left, top, left + width * 0.24, horizon + height * 0.17], fill=wall)
    draw.polygon(
        [(left - width * 0.03, top), (left + width * 0.12, top - height * 0.2), (left + width * 0.27, top)],
        fill=roof,
    )
    for column in (0.03, 0.15):
        box = [left + width * column, top + height * 0.05, left + width * (column + 0.05), top + height * 0.13]
        draw.rectangle(box, fill=pane)
    draw.line(
        [(0, height * 0.86), (width, height * 0.8)],
        fill=_mix(scene.ground, (255, 255, 255), 0.35),
        width=height // 28,
    )
    x = ((second + 1.2 + at.second % 5) / 7 % 1.3 - 0.1) * width
    y = height * 0.85 - x / width * height * 0.06 + math.sin(second * 6) * height * 0.01
    big = height * 0.075
    draw.ellipse(
        [x - big * 1.5, y + big * 0.75, x + big * 1.5, y + big * 1.15], fill=_mix(scene.ground, (0, 0, 0), 0.5)
    )
    _MOVERS[scene.label](draw, x, y, big, scene.mover)
    font = ImageFont.load_default(max(10, height // 15))
    now = at + timedelta(seconds=second)
    text = f"{scene.camera}  {now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 100000}"
    label = draw.textbbox((width * 0.02, height * 0.02), text, font=font)
    draw.rectangle([label[0] - 6, label[1] - 4, label[2] + 6, label[3] + 4], fill=(0, 0, 0))
    draw.text((width * 0.02, height * 0.02), text, font=font, fill=(255, 255, 255))
    return image


def _car(draw: ImageDraw.ImageDraw, x: float, y: float, big: float, colour: Colour) -> None:
    draw.rounded_rectangle([x - big * 1.5, y - big * 0.3, x + big * 1.5, y + big * 0.75], big * 0.3, fill=colour)
    roof = [x - big * 0.8, y - big, x + big * 0.8, y]
    draw.rounded_rectangle(roof, big * 0.35, fill=_mix(colour, (255, 255, 255), 0.35))
    for wheel in (-0.85, 0.85):
        draw.ellipse(_around(x + big * wheel, y + big * 0.75, big * 0.33), fill=(24, 24, 26))


def _person(draw: ImageDraw.ImageDraw, x: float, y: float, big: float, colour: Colour) -> None:
    for side in (-1, 1):  # as far apart as the step is wide
        foot = x + side * big * 0.45 * math.sin(x / big * 1.5)
        draw.line([(x, y - big * 0.4), (foot, y + big)], fill=(40, 44, 62), width=max(2, round(big * 0.3)))
    draw.rounded_rectangle([x - big * 0.42, y - big * 1.9, x + big * 0.42, y - big * 0.2], big * 0.35, fill=colour)
    draw.ellipse(_around(x, y - big * 2.3, big * 0.38), fill=(226, 182, 150))


def _dog(draw: ImageDraw.ImageDraw, x: float, y: float, big: float, colour: Colour) -> None:
    for leg in (-0.7, -0.45, 0.45, 0.7):
        foot = x + big * (leg + 0.15 * math.sin(x / big * 3 + leg * 9))
        draw.line([(x + big * leg, y + big * 0.3), (foot, y + big)], fill=colour, width=max(2, round(big * 0.16)))
    draw.line([(x - big * 0.8, y), (x - big * 1.3, y - big * 0.5)], fill=colour, width=max(2, round(big * 0.14)))
    draw.rounded_rectangle([x - big * 0.9, y - big * 0.25, x + big * 0.9, y + big * 0.45], big * 0.35, fill=colour)
    draw.ellipse(_around(x + big * 1.05, y - big * 0.35, big * 0.4), fill=_mix(colour, (0, 0, 0), 0.15))


_MOVERS = {"car": _car, "person": _person, "dog": _dog}


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    """A colour with a share of another one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _around(x: float, y: float, radius: float) -> list[float]:
    """The box of a circle."""
    return [x - radius, y - radius, x + radius, y + radius]


def fill(services: Services, rows: int) -> None:
    """Put so many clips of twelve cameras over a year into a catalog; no file is made."""
    chance = random.Random(rows)  # nosec B311  # noqa: S311 - the same catalog each time
    media = MediaInfo(
        "mp4",
        "avc1.640028,mp4a.40.2",
        False,
        True,
        VideoTrack("h264", 1920, 1080, 15.0),
        AudioTrack("aac", 1, 44100),
    )
    text = msgspec.json.encode(media).decode()
    end = datetime(2026, 11, 1, tzinfo=UTC)
    step = timedelta(days=365) / max(1, rows)
    batch: list[Probed] = []
    for number in range(rows):
        camera = f"cam{chance.randrange(12):02d}"
        started_at = end - step * (rows - number)
        batch.append(
            Probed(
                key=f"{camera}/{started_at:%Y-%m-%d}/{started_at:%H%M%S}-{number}.mp4",
                camera=camera,
                state=ClipState.READY,
                started_at=started_at,
                time_source=TimeSource.NAME,
                duration_seconds=chance.randrange(50, 600) / 10,
                fingerprint=Fingerprint(chance.randrange(10**5, 10**7), number),
                inode=number,
                digest=f"{number:032x}",
                media=text,
                playable=Playable.YES,
                playable_reason=None,
                error=None,
            )
        )
        if len(batch) == 1000:
            services.catalog.writes.put(batch, now=end)
            batch.clear()
    if batch:
        services.catalog.writes.put(batch, now=end)
