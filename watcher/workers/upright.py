"""Pictures as a player shows them: turned or mirrored as the display matrix says, with square pixels.

Sources: ISO/IEC 14496-12, 8.5.3 (the matrix), FFmpeg's `libavutil/display.h` (how frames carry it).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

_MOST_STRETCHED = 8  # times: what claims more is not believed

# What a frame goes through, by the matrix's signs: (whether width and height change places, of x, of y).
_STEPS: dict[tuple[bool, bool, bool], tuple[tuple[str, str], ...]] = {
    (False, False, False): (),
    (False, True, False): (("hflip", ""),),
    (False, False, True): (("vflip", ""),),
    (False, True, True): (("hflip", ""), ("vflip", "")),
    (True, False, False): (("transpose", "dir=cclock_flip"),),
    (True, True, False): (("transpose", "dir=clock"),),
    (True, False, True): (("transpose", "dir=cclock"),),
    (True, True, True): (("transpose", "dir=clock_flip"),),
}
ROTATED = {
    0: (False, False, False),
    90: (True, True, False),
    180: (False, True, True),
    270: (True, False, True),
}


def place_of(matrix: Sequence[int]) -> tuple[bool, bool, bool]:
    """Which of the eight ways to lay a rectangle a display matrix means: places changed, x and y backwards.

    x' = a x + c y and y' = b x + d y, where a, b, c, d are the matrix's first, second, fourth and fifth number.

    >>> place_of([65536, 0, 0, 0, 65536, 0, 0, 0, 1]), place_of([0, 65536, 0, -65536, 0, 0, 0, 0, 1])
    ((False, False, False), (True, True, False))
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, c < 0, b < 0
    return False, a < 0, d < 0


def place(frame: Any, rotation: int) -> tuple[bool, bool, bool]:
    """How a frame is laid: by its own matrix, else turned by so many degrees clockwise, as our reader found."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None and len(data := bytes(matrix)) >= 36:
        return place_of(struct.unpack_from("=9i", data))
    return ROTATED.get(rotation, ROTATED[0])


def shown_size(frame: Any, stream: Any, laid: tuple[bool, bool, bool]) -> tuple[int, int]:
    """Width and height in square pixels, upright."""
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if not Fraction(1, _MOST_STRETCHED) <= aspect <= _MOST_STRETCHED:
        aspect = Fraction(1)
    width = max(1, round(frame.width * aspect))
    return (frame.height, width) if laid[0] else (width, frame.height)


class Turner:
    """Lays frames as they are to be shown; one for all of a stream."""

    def __init__(self, av: Any) -> None:
        self._av = av
        self._kind: tuple[Any, ...] | None = None  # of frames that the graph is for
        self._graph: Any = None

    def turn(self, frame: Any, laid: tuple[bool, bool, bool]) -> Any:
        """The frame, upright."""
        if not any(laid):
            return frame
        kind = (frame.width, frame.height, frame.format.name, laid)
        if kind != self._kind:
            graph = self._av.filter.Graph()
            time_base = frame.time_base or Fraction(1, 25)
            nodes = [
                graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
            ]
            nodes += [
                graph.add(name, arguments) if arguments else graph.add(name) for name, arguments in _STEPS[laid]
            ]
            graph.link_nodes(*nodes, graph.add("buffersink")).configure()
            self._kind, self._graph = kind, graph
        self._graph.push(frame)
        return self._graph.pull()
