"""Which of some frames of a clip shows best what happened."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Sequence

TELLING_WIDTH, TELLING_HEIGHT = 32, 18  # of the pictures that are compared
NOISE = 12  # of 255, by which a camera's picture differs from itself
SEEN = 0.25  # mean difference from the background, of 255, below which nothing has happened
DARK, FLAT = 20.0, 6.0  # mean, and deviation, below which a picture shows nothing
NIGHT_BRIGHT, TWILIGHT_BRIGHT = 35.0, 60.0  # of 255, on the mean, below which it is that
COLOURLESS = 1.5  # of 128: how far colours are from grey, on the mean
BLURRED = 0.5  # of the usual sharpness


def most_telling(pictures: Sequence[bytes]) -> int | None:
    """The number of the picture that differs most from the clip's background; None where none stands out.

    A picture is its brightness, TELLING_WIDTH × TELLING_HEIGHT bytes row by row, and after that its colours in any
    way: somebody in red may be as bright as the hedge. The background is each part's median over all pictures, so
    three are the least. Dark, flat (grey, torn) and blurred pictures come last, however much they differ. Where the
    first one shows nothing, the best other one is taken even if nothing has happened in it.

    >>> still, moved = bytes(range(0, 192)) * 3, bytes(range(0, 192)) * 2 + bytes([255]) * 192
    >>> most_telling([still, still, moved, still]), most_telling([still] * 3), most_telling([moved, still])
    (2, None, None)
    """
    if len(pictures) < 3:
        return None
    middle = (len(pictures) - 1) // 2
    background = [sorted(values)[middle] for values in zip(*pictures, strict=True)]
    bright = [picture[: TELLING_WIDTH * TELLING_HEIGHT] for picture in pictures]
    sharpness = [_sharpness(picture) for picture in bright]
    least = BLURRED * statistics.median(sharpness)

    def shows(number: int) -> bool:
        mean, deviation = _mean_and_deviation(bright[number])
        return mean >= DARK and deviation >= FLAT and sharpness[number] >= least

    differs = [_difference(picture, background) for picture in pictures]
    in_order = sorted(range(len(pictures)), key=differs.__getitem__, reverse=True)
    best = next(filter(shows, in_order), None)
    if best is None or (differs[best] < SEEN and shows(0)):
        return None
    return best


def light_of(pictures: Sequence[bytes]) -> str:
    """Whether it is day, by the look of some pictures: cameras see no colour at night, by their infrared lamps.

    >>> light_of([bytes([120] * 576 + [100] * 144 + [150] * 144)]), light_of([bytes([120] * 576 + [128] * 288)])
    ('day', 'night')
    """
    parts = TELLING_WIDTH * TELLING_HEIGHT
    bright = statistics.median(sum(picture[:parts]) / parts for picture in pictures)
    colour = statistics.median(
        sum(abs(part - 128) for part in picture[parts:]) / len(picture[parts:]) for picture in pictures
    )
    if bright < NIGHT_BRIGHT or colour < COLOURLESS:
        return "night"
    return "twilight" if bright < TWILIGHT_BRIGHT else "day"


def _mean_and_deviation(picture: bytes) -> tuple[float, float]:
    """Both at once: those of `statistics` are exact, and take a hundred times as long."""
    mean = sum(picture) / len(picture)
    return mean, math.sqrt(max(0.0, sum(map(operator.mul, picture, picture)) / len(picture) - mean * mean))


# How much a difference counts, by its number, from -255 (which is the 256th from the end) to 255: noise does not.
_COUNTS = [step if step > NOISE else 0 for step in (*range(256), *range(256, 0, -1))]


def _difference(picture: bytes, background: Sequence[int]) -> float:
    """How much differs, on the mean: what is less than a camera's noise does not count."""
    return sum(map(_COUNTS.__getitem__, map(operator.sub, picture, background))) / len(background)


def _sharpness(picture: bytes) -> float:
    """How much neighbours differ, on the mean."""
    return float(sum(map(abs, map(operator.sub, picture, picture[1:])))) / len(picture)
