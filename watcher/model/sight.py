"""What a model sees on single pictures of a clip, before anybody says which of it counts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

LEAST_SCORE = 0.2  # what scores less is noise


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """Something on one picture; where it is in shares of the picture, from its upper left."""

    name: str
    score: float  # 0 to 1
    x: float
    y: float
    width: float
    height: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Where it is."""
        return self.x, self.y, self.width, self.height


class Picture(msgspec.Struct, frozen=True, array_like=True):
    """A picture that was looked at."""

    seconds: float  # from the clip's beginning
    seen: tuple[Seen, ...]


def shared(box: Sequence[float], other: Sequence[float]) -> float:
    """Which share of two boxes' union is in both; each is x, y, width, height.

    >>> round(shared((0, 0, 1, 1), (0.5, 0, 1, 1)), 3), shared((0, 0, 1, 1), (2, 0, 1, 1))
    (0.333, 0.0)
    """
    wide = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    high = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (box[2] * box[3] + other[2] * other[3] - both)
