"""The one walk through the boxes of an MP4 (ISO/IEC 14496-12, 4.2), a window of the file at a time.

Whatever a file holds, a walk takes a bounded number of steps of about half a microsecond, and keeps a window:
`boxes.py` sums over an index that it never holds, `samples.py` unrolls one. Places are offsets in the file.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Generator, Iterable, Iterator, Set
from itertools import chain
from typing import Any, TypeVar

# Any file may take the least, and a step more for so many bytes that it has: what is read longest is long. A day in
# one-second fragments of picture and sound takes the most, 40 steps each; the smallest of those have 4 kB.
STEPS_LEAST, STEP_BYTES, STEPS_MOST = 700_000, 80, 3_600_000
READ_STEPS = 8  # what it costs to read from the file, beside the bytes
WIDE_STEPS = 2  # … and to take a box whose header is an unusual one
SLICE_STEPS = 5_000  # between two moments in which somebody else may go on: some milliseconds
MOOV_LIMIT = 64 << 20  # bytes; a day at 30 pictures a second needs about 40 MB
MOOF_LIMIT = 4 << 20
DEPTH_LIMIT = 12
TRACK_LIMIT = 64
WINDOW = 64 << 10
PIECE = 6 << 10  # numbers of a table that are held at once; a multiple of 2 and 3
_NEAR = 4 << 10  # bytes read at a place where only a header is expected
_TYPE_BYTES = bytes((*range(0x20, 0x7F), 0xA9))
_WIDTHS = {"B": 1, "H": 2, "I": 4, "Q": 8}  # bytes of a number, as `array` and `struct` name its kind
_CONTAINERS = frozenset({b"mdia", b"minf", b"stbl", b"edts"})

Result = TypeVar("Result")

_SWAPPED = sys.byteorder == "little"

u16 = struct.Struct(">H").unpack_from
u32 = struct.Struct(">I").unpack_from
u64 = struct.Struct(">Q").unpack_from
i32 = struct.Struct(">i").unpack_from
header = struct.Struct(">I4s").unpack_from


class Walk:
    """The boxes of an open file of `size` bytes.

    All of it raises ValueError or struct.error where the bytes are no boxes or are too many, and OSError.
    """

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.size = size
        self.steps = 0
        self.data = b""  # the window
        self.base = 0  # where in the file it begins
        self.due_at = SLICE_STEPS  # the step at which somebody else may go on
        self.most = min(STEPS_MOST, STEPS_LEAST + size // STEP_BYTES)  # steps that it may take

    def due(self) -> bool:
        """Whether somebody else may go on now."""
        if self.steps < self.due_at:
            return False
        if self.steps > self.most:
            raise ValueError(f"it takes more than {self.most:,} steps to read")
        self.due_at = self.steps + SLICE_STEPS
        return True

    def at(self, offset: int, need: int, window: int = WINDOW) -> int:
        """The index in `data` of a place in the file, behind which there are so many bytes."""
        at = offset - self.base
        if at < 0 or at + need > len(self.data):
            self.data, self.base, at = os.pread(self.fd, max(need, window), offset), offset, 0
            self.steps += READ_STEPS + (len(self.data) >> 12)
            if need > len(self.data):
                raise ValueError("the file ends inside it")
        return at

    def fields(self, first: int, short: struct.Struct, wide: struct.Struct) -> tuple[Any, ...]:
        """What the content of a box has that lays itself out anew in its version 1."""
        layout = short
        at = self.at(first, layout.size)
        if self.data[at] == 1:
            layout = wide
            at = self.at(first, layout.size)
        return layout.unpack_from(self.data, at)

    def read(self, start: int, end: int) -> bytes:
        """The bytes of a place, not kept as the window."""
        at = start - self.base
        if at >= 0 and end - self.base <= len(self.data):
            return self.data[at : end - self.base]
        self.steps += READ_STEPS
        data = os.pread(self.fd, end - start, start)
        if len(data) < end - start:
            raise ValueError("the file ends inside it")
        return data

    def box(self, start: int, end: int) -> tuple[bytes, int, int] | None:
        """Type, start and end of the content of the box at a place; None where a list of them ends."""
        self.steps += WIDE_STEPS
        at = start - self.base
        if at < 0 or at + 16 > len(self.data):
            at = self.at(start, min(16, end - start))
        length, kind = header(self.data, at)
        body = start + 8
        if length == 1:
            length, body = u64(self.data, at + 8)[0], start + 16
        elif length == 0:
            length = end - start
        stop: int = start + length
        if body > stop or stop > end:
            if kind == b"\0\0\0\0":  # QuickTime ends some lists with a 32-bit zero
                return None
            raise ValueError(f"a {kind!r} box leaves its parent")
        return kind, body, stop

    def children(self, start: int, end: int, kinds: Set[bytes] | None = None) -> Iterator[tuple[bytes, int, int]]:
        """Type, start and end of the content of each box between two places, or of each one of the wanted types.

        One of another type comes now and then, so that the caller can look whether it is `due`.
        """
        while start + 8 <= end:
            at, data = start - self.base, self.data
            length = 0
            if 0 <= at <= len(data) - 16:  # most are: what `box` does, without a call of it
                self.steps += 1
                length, kind = header(data, at)
                body = start + 8
                stop = start + length
            if length < 8 or stop > end:
                box = self.box(start, end)
                if box is None:
                    return
                kind, body, stop = box
            if self.steps > self.most:
                self.due()
            if kinds is None or kind in kinds or self.steps >= self.due_at:
                yield kind, body, stop
            start = stop

    def parts(self, start: int, end: int) -> Generator[None, None, dict[bytes, tuple[int, int]]]:
        """Where the content of each box of a `trak` is, those within others too; the first of a kind counts."""
        places: dict[bytes, tuple[int, int]] = {}
        ends: list[int] = []  # of the boxes around this one
        self.at(start, min(16, end - start))  # from there it goes forward only
        data, base, near = self.data, self.base, self.base + len(self.data) - 16
        steps, due = self.steps, self.due_at
        while True:
            if start + 8 > end:
                if not ends:
                    break
                start, end = end, ends.pop()
                continue
            length = 0
            if start <= near:  # most are: what `box` does, without a call of it
                steps += 1
                length, kind = header(data, start - base)
                body, stop = start + 8, start + length
            if length < 8 or stop > end:
                self.steps = steps
                inner = self.box(start, end)
                steps = self.steps
                data, base, near = self.data, self.base, self.base + len(self.data) - 16
                if inner is None:
                    start = end
                    continue
                kind, body, stop = inner
            if steps >= due:
                self.steps = steps
                if self.due():
                    yield
                due = self.due_at
            if kind in _CONTAINERS:
                if len(ends) >= DEPTH_LIMIT:
                    raise ValueError("boxes nested too deep")
                ends.append(end)
                start, end = body, stop
                continue
            if kind not in places and (kind != b"hdlr" or len(ends) == 1):  # QuickTime has another one in `minf`
                places[kind] = (body, stop)
            start = stop
        self.steps = steps
        return places

    def piece(self, start: int, count: int, code: str = "I") -> array[int]:
        """Some unsigned numbers (B, H, I, Q: as in `array`)."""
        self.steps += count >> 5
        numbers = array(code, self.read(start, start + count * _WIDTHS[code]))
        if _SWAPPED:
            numbers.byteswap()
        return numbers

    def numbers(self, start: int, count: int, code: str = "I") -> Iterator[array[int]]:
        """A table of numbers in pieces of at most `PIECE`."""
        while count > 0:
            some = min(count, PIECE)
            yield self.piece(start, some, code)
            start += some * _WIDTHS[code]
            count -= some

    def table(self, start: int, count: int, code: str = "I") -> Iterable[int]:
        """A table of numbers: itself where it is a small one, else as they come."""
        if count <= PIECE:
            return self.piece(start, count, code)
        return chain.from_iterable(self.numbers(start, count, code))

    def count(self, first: int, last: int, width: int) -> int:
        """How many entries of so many bytes a table has that begins with their number."""
        at = first - self.base
        if at < 0 or at + 8 > len(self.data):
            at = self.at(first, 8)
        count: int = u32(self.data, at + 4)[0]
        room = (last - first - 8) // width
        return count if count <= room else max(0, room)


class Top:
    """The boxes of a file itself, and where they end.

    What is behind the last one is no damage: cameras leave zeros, text and boxes of their own there.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.end = 0  # of the last whole box
        self.rest: tuple[bytes, int] | None = None  # type and length of what begins there and is no whole box

    def __iter__(self) -> Iterator[tuple[bytes, int, int]]:
        """Type, start and end of the content of each whole box; the caller looks whether it is `due`."""
        walk, size, end = self._walk, self._walk.size, 0
        while end < size:
            walk.steps += 1
            start = end
            at = start - walk.base
            try:
                if at < 0 or at + 16 > len(walk.data):
                    left = size - start
                    at = walk.at(start, min(16, left), left if left <= WINDOW else _NEAR)
                length, kind = header(walk.data, at)
                body = start + 8
                if length == 1:
                    length, body = u64(walk.data, at + 8)[0], start + 16
                    walk.steps += 1
            except (struct.error, ValueError):  # less than a header is left
                self.rest = (b"", size - start)
                return
            if length == 0:  # to the end of the file: a recorder's placeholder, or a real last mdat
                length = size - start
            end = start + length
            if end < body or end > size or not (kind.isalnum() or is_type(kind)):
                self.rest = (kind, length)
                return
            self.end = end
            yield kind, body, end


def numbers_of(data: bytes, code: str = "I") -> array[int]:
    """The unsigned numbers that a table of these bytes has."""
    numbers = array(code, data)
    if _SWAPPED:
        numbers.byteswap()
    return numbers


def is_type(kind: bytes) -> bool:
    """Whether four bytes can be a box type: printable, or QuickTime's leading ©."""
    return not kind.translate(None, _TYPE_BYTES)


def make(kind: bytes, *content: bytes) -> bytes:
    """A box with this content."""
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def finished(steps: Generator[None, None, Result]) -> Result:
    """The result of work in slices, done at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
