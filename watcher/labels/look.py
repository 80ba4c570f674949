"""Which frames of a clip a model is shown.

Up to eight from all over it: key frames, and where there are few of them others between. One that looks as another
did is not looked at again. Where little has changed of a large picture, that part is looked at by itself as well:
somebody far away is a few dots otherwise. Where something is found, frames before it tell since when it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from watcher.labels.detector import Eye
from watcher.model.sight import Seen, shared
from watcher.workers.frames import frames_at, full_range, key_frame, seconds_of
from watcher.workers.upright import Turner, place, shown_size

FRAMES, FEW = 8, 4  # that are looked at; key frames, below which others are decoded
LOOKS, MORE_LOOKS = 10, 6  # of the model at one clip; and more where something is found
WIDE, HIGH = 48, 27  # parts of a picture that are compared
CHANGED = 10  # of 255, by which one of them differs
PART_MOST = 0.45  # of the picture, that a part looked at by itself may be
MARGIN = 1.5  # times what has changed, that it shows
SAME = 0.5  # of two boxes' union
SURE = 0.45  # score, from which on something is found
GREY = 114  # beside a picture that keeps its shape


class Look:
    """One look at one clip."""

    def __init__(self, av: Any, container: Any, stream: Any, rotation: int, eye: Eye) -> None:
        self._av, self._container, self._stream, self._rotation, self._eye = av, container, stream, rotation, eye
        self._turner = Turner(av)
        self._left = LOOKS
        self._saw_something = False
        self._looked: list[tuple[float, bytes, list[Seen]]] = []  # seconds, brightness of parts, what was seen
        self._scaler = av.video.reformatter.VideoReformatter()

    def all(self) -> list[Any]:
        """The pictures in their order, each with its second and what is on it."""
        for number, (seconds, frame) in enumerate(self._spread()):
            self._see(seconds, frame, ahead=FRAMES - number)
        if len(self._looked) < FEW and (moments := self._between()):
            for seconds, frame in frames_at(self._av, self._container, self._stream, moments):
                self._see(seconds, frame, ahead=1)
        self._looked.sort(key=lambda look: look[0])
        for seconds, frame in frames_at(self._av, self._container, self._stream, self._before_first()):
            self._see(seconds, frame, ahead=0)
        self._looked.sort(key=lambda look: look[0])
        return [
            [
                round(seconds, 3),
                [[thing.name, round(thing.score, 3), *(round(side, 4) for side in thing.box)] for thing in seen],
            ]
            for seconds, _, seen in self._looked
        ]

    # — frames —

    def _spread(self) -> Iterator[tuple[float, Any]]:
        """Key frames from all over the clip; of one whose length nobody knows its first."""
        length, before = self._container.duration or 0, None
        for number in range(FRAMES if length else 1):
            if length:
                self._container.seek((self._container.start_time or 0) + length * (2 * number + 1) // (2 * FRAMES))
            frame = key_frame(self._av, self._container, self._stream)
            if frame is not None and (before is None or frame.pts != before):
                before = frame.pts
                yield self._seconds(frame), frame

    def _between(self) -> list[float]:
        """Moments beside those that were looked at."""
        length = (self._container.duration or 0) / self._av.time_base
        every = length / FRAMES
        there = [seconds for seconds, _, _ in self._looked]
        moments = (every * (number + 0.5) for number in range(FRAMES))
        return [at for at in moments if all(abs(at - other) > every / 2 for other in there)]

    def _before_first(self) -> list[float]:
        """Two moments between the first picture with something on it and the one before."""
        times = [(seconds, any(thing.score >= SURE for thing in seen)) for seconds, _, seen in self._looked]
        first = next((number for number, (_, something) in enumerate(times) if something), 0)
        if first == 0 or (gap := times[first][0] - times[first - 1][0]) < 1:
            return []
        return [times[first - 1][0] + gap * part / 3 for part in (1, 2)]

    def _seconds(self, frame: Any) -> float:
        return seconds_of(self._av, self._container, self._stream, frame)

    # — looking —

    def _see(self, seconds: float, frame: Any, *, ahead: int) -> None:
        """Look at a frame, unless it looks as another one did; `ahead`: how many frames are still to come."""
        parts = self._parts(frame)
        for _, other, seen in self._looked:
            if not _changes(parts, other):
                self._looked.append((seconds, parts, seen))
                return
        if self._left <= 0:
            return
        laid = place(frame, self._rotation)
        upright = self._turner.turn(frame, laid)
        wide, high = shown_size(frame, self._stream, laid)
        seen = self._ask(upright, 0, 0, 1, 1, wide / high)
        if self._left > ahead and (part := self._part(parts, laid, upright)) is not None:
            x, y, width, height = part
            closer = self._ask(upright, x, y, width, height, wide * width / (high * height))
            seen += [thing for thing in closer if not any(_same(thing, other) for other in seen)]
        if not self._saw_something and any(thing.score >= SURE for thing in seen):
            self._saw_something, self._left = True, self._left + MORE_LOOKS
        self._looked.append((seconds, parts, seen))

    def _parts(self, frame: Any) -> bytes:
        small = self._scaler.reformat(frame, width=WIDE, height=HIGH, format="gray")
        plane = small.planes[0]
        data = bytes(plane)
        return b"".join(data[row * plane.line_size :][:WIDE] for row in range(HIGH))

    def _part(self, parts: bytes, laid: tuple[bool, bool, bool], upright: Any) -> tuple[float, ...] | None:
        """The part of a large picture that differs from the first one, if it is a small one."""
        if not self._looked or any(laid):  # parts are of the frame as it is coded
            return None
        changed = _changes(parts, self._looked[0][1])
        columns, rows = [at % WIDE for at in changed], [at // WIDE for at in changed]
        sides = []
        for cells, most, pixels, least in (
            (columns, WIDE, upright.width, self._eye.width),
            (rows, HIGH, upright.height, self._eye.height),
        ):
            middle = (min(cells) + max(cells) + 1) / 2 / most
            size = min(1.0, max((max(cells) + 1 - min(cells)) / most * MARGIN, 0.75 * least / pixels))
            sides.append((min(max(0.0, middle - size / 2), 1 - size), size))
        (x, width), (y, height) = sides
        return (x, y, width, height) if width * height <= PART_MOST else None

    def _ask(self, upright: Any, x: float, y: float, width: float, height: float, shape: float) -> list[Seen]:
        """What the model sees on a part of a picture; `shape`: the part's width over its height, as it is shown."""
        self._left -= 1
        wide, high = self._eye.width, self._eye.height
        if self._eye.letterbox:
            wide, high = min(wide, round(high * shape)) or 1, min(high, round(wide / shape)) or 1
        rows = self._rows(upright, (x, y, width, height), wide, high)
        if (wide, high) != (self._eye.width, self._eye.height):
            grey = bytes([GREY]) * (3 * (self._eye.width - wide))
            rows = b"".join(rows[at : at + 3 * wide] + grey for at in range(0, len(rows), 3 * wide))
            rows += bytes([GREY]) * (3 * self._eye.width * (self._eye.height - high))
        across, down = self._eye.width / wide, self._eye.height / high
        things = []
        for kind, score, left, top, boxed, tall in self._eye.look(rows):
            name = self._eye.names[int(kind)] if int(kind) < len(self._eye.names) else f"class {int(kind)}"
            box = x + left * across * width, y + top * down * height, boxed * across * width, tall * down * height
            if name not in {"", "-"}:
                things.append(Seen(name, score, *box))
        return things

    def _rows(self, upright: Any, part: tuple[float, ...], wide: int, high: int) -> bytes:
        """A part of a picture in so many pixels, three bytes each, row by row."""
        if part != (0, 0, 1, 1):
            upright = self._cut(upright, part)
        colour_range = "JPEG" if full_range(self._av, upright) else "MPEG"
        small = self._av.video.reformatter.VideoReformatter().reformat(
            upright, width=wide, height=high, format="rgb24", src_color_range=colour_range, dst_color_range="JPEG"
        )
        plane = small.planes[0]
        data = bytes(plane)
        return b"".join(data[row * plane.line_size :][: 3 * wide] for row in range(high))

    def _cut(self, upright: Any, part: tuple[float, ...]) -> Any:
        x, y, width, height = (
            round(share * pixels / 2) * 2
            for share, pixels in zip(part, (upright.width, upright.height) * 2, strict=True)
        )
        graph = self._av.filter.Graph()
        source = {"width": upright.width, "height": upright.height, "format": upright.format}
        nodes = [graph.add_buffer(**source, time_base=self._stream.time_base)]
        nodes += [graph.add("crop", f"{max(2, width)}:{max(2, height)}:{x}:{y}"), graph.add("buffersink")]
        graph.link_nodes(*nodes).configure()
        graph.push(upright)
        return graph.pull()


def _changes(first: bytes, other: bytes) -> list[int]:
    """The numbers of the parts in which two pictures differ."""
    return [at for at, (a, b) in enumerate(zip(first, other, strict=True)) if abs(a - b) > CHANGED]


def _same(thing: Seen, other: Seen) -> bool:
    return thing.name == other.name and shared(thing.box, other.box) > SAME
