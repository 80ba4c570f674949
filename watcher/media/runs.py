"""The runs of samples in an MP4's fragments (ISO/IEC 14496-12, 8.8)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Mapping

from watcher.media.walk import MOOF_LIMIT, Walk, header, i32, numbers_of, u32, u64

BARE_LIMIT = 1 << 20  # samples of a run that says nothing of each: a header may not claim what takes no bytes
DURATION, SIZE, FLAGS, SHIFT = 1, 2, 4, 8  # what a run says of each sample (8.8.8.1)
DEFAULTS_LIMIT = 256  # tracks whose defaults are kept (`trex`), whatever the index holds
MOOF_STEPS, TABLE_STEPS, BARE_STEPS = 3, 4, 2  # what a `moof` and a run cost beside their boxes, in steps of a walk

_WIDTHS = tuple(map(int.bit_count, range(16)))
_NOTHING = array("I")
_opening = struct.Struct(">II").unpack_from

Defaults = tuple[int, int, int]  # of a track's samples: duration, size, flags


class Run:
    """Samples that lie together (`trun`)."""

    __slots__ = ("begin", "columns", "count", "decoded", "defaults", "opening", "signed", "size", "table", "track")

    track: int
    defaults: Defaults
    count: int
    columns: int  # that its table has
    signed: bool  # whether a picture may be shown before it is decoded
    table: array[int]
    opening: int | None  # flags of the first sample, where it has its own
    decoded: int | None  # tick of the first sample, where the fragment says it (`tfdt`)
    begin: int  # where the first sample lies in the file
    size: int  # of all of them, bytes

    def column(self, bit: int) -> array[int] | None:
        """One number of each sample; None where the default stands for it."""
        columns = self.columns
        if not columns & bit:
            return None
        return self.table if columns == bit else self.table[_WIDTHS[columns & (bit - 1)] :: _WIDTHS[columns]]

    def read(self, data: bytes, at: int, end: int, base: int, begin: int, default_size: int) -> int:
        """Become the run that a `trun` tells; returns what that costs, in steps.

        Its samples lie at `begin`, unless it says how far from `base`. Raises ValueError, struct.error.
        """
        flags, count = _opening(data, at)
        self.signed, self.count, self.opening = flags > 0xFFFFFF, count, None
        at += 8
        if flags & 0x1:
            begin, at = base + i32(data, at)[0], at + 4
        self.begin = begin
        if flags & 0x4:
            self.opening, at = u32(data, at)[0], at + 4
        self.columns = columns = flags >> 8 & 0xF
        if columns:
            length: int = 4 * count * _WIDTHS[columns]
            if length > end - at:
                raise ValueError("a fragment names more samples than it holds")
            self.table = table = numbers_of(data[at : at + length])
            if columns == SIZE:
                self.size = sum(table)
            else:
                sizes = self.column(SIZE)
                self.size = count * default_size if sizes is None else sum(sizes)
            return TABLE_STEPS + (length >> 7)
        if count > BARE_LIMIT:
            raise ValueError("a fragment names more samples than it holds")
        self.table, self.size = _NOTHING, count * default_size
        return BARE_STEPS


def defaults_of(walk: Walk, start: int, end: int) -> Iterator[tuple[int, Defaults] | None]:
    """A track's number and its defaults, for each that an `mvex` tells; None where somebody else may go on."""
    left = DEFAULTS_LIMIT
    for kind, begin, stop in walk.children(start, end):
        walk.steps += 1
        if walk.due():
            yield None
        if kind == b"trex" and left:
            left -= 1
            at = walk.at(begin, min(24, stop - begin))
            number, _, duration, size, flags = struct.unpack_from(">5I", walk.data, at + 4)
            yield number, (duration, size, flags)


def runs_of(
    walk: Walk, start: int, end: int, offset: int, defaults: Mapping[int, Defaults]
) -> Iterator[Run | None]:
    """The runs of the `moof` that begins at `offset` and whose content is between two places.

    Of the tracks that have `defaults`; None where somebody else may go on. It is one object, which the next run
    changes: of all that a file is read for, this is done most often. Raises ValueError, struct.error.
    """
    if end - start > MOOF_LIMIT:
        raise ValueError(f"the index of a fragment is {end - start:,} bytes long, which no camera writes")
    at = walk.at(start, end - start)
    data, place, last = walk.data, start - at, at + end - start  # `place` is that of the window in the file
    run = Run()
    values: Defaults | None = None
    base = behind = offset  # `behind` is the data of the run before, as those lie that say nothing else
    inside = headed = timed = False  # a `traf`; behind its first `tfhd`, `tfdt`
    limit = last  # where the boxes end that are read now
    steps, due = walk.steps + MOOF_STEPS + (end - start >> 10), walk.due_at
    while True:
        if at + 8 > limit:
            if not inside:
                break
            at, limit, inside = limit, last, False
            continue
        steps += 1
        length, kind = header(data, at)
        body, after = at + 8, at + length
        if length < 8 or after > limit:
            walk.steps = steps
            box = walk.box(at + place, limit + place)
            steps = walk.steps
            if box is None:
                at = limit
                continue
            kind, body, after = box[0], box[1] - place, box[2] - place
        if steps >= due:
            walk.steps = steps
            if walk.due():
                yield None
            steps, due = walk.steps, walk.due_at
        if not inside:
            if kind == b"traf":
                inside, headed, timed, values, base, run.decoded = True, False, False, None, behind, None
                at, limit = body, after
                continue
        elif kind == b"trun":
            if values is not None:
                steps += run.read(data, body, after, base, behind, values[1])
                behind = run.begin + run.size
                walk.steps = steps
                yield run
                steps, run.decoded = walk.steps, None
        elif kind == b"tfhd":
            if not headed:
                headed = True
                flags, run.track = _opening(data, body)
                values = defaults.get(run.track)
                if values is None:
                    steps, at = steps + 1, limit
                    continue
                behind = base = _base(base, offset, data, body, flags)
                if flags & 0x3A:
                    values = _changed(values, data, body, flags)
                    steps += 1
                run.defaults = values
        elif kind == b"tfdt" and not timed:
            timed = True
            run.decoded = _tick(data, body)
        at = after
    walk.steps = steps


def _base(base: int, offset: int, data: bytes, at: int, flags: int) -> int:
    """From where a fragment counts its samples' places, as its `tfhd` says; `base` where that says nothing."""
    if flags & 0x1:
        return int(u64(data, at + 8)[0])
    return offset if flags & 0x20000 else base  # default-base-is-moof


def _tick(data: bytes, at: int) -> int:
    """When a fragment's first sample is decoded, as its `tfdt` says."""
    return int((u64 if data[at] == 1 else u32)(data, at + 4)[0])


def _changed(values: Defaults, data: bytes, at: int, flags: int) -> Defaults:
    """A track's defaults as a fragment's `tfhd` has them."""
    at += 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    changed = list(values)
    for number, bit in enumerate((0x8, 0x10, 0x20)):
        if flags & bit:
            changed[number], at = u32(data, at)[0], at + 4
    return changed[0], changed[1], changed[2]
