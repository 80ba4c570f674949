"""The runs of samples in an MP4's fragments (ISO/IEC 14496-12, 8.8)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watcher.media.walk import MOOF_LIMIT, Walk, i32, u32, u64

BARE_LIMIT = 1 << 20  # samples of a run that says nothing of each: a header may not claim what takes no bytes
DURATION, SIZE, FLAGS, SHIFT = 0x100, 0x200, 0x400, 0x800  # what a run says of each sample (8.8.8.1)

_NOTHING = array("I")
_opening = struct.Struct(">II").unpack_from
_TRAF = frozenset({b"traf"})
_TOLD = frozenset({b"tfhd", b"tfdt", b"trun"})

Defaults = tuple[int, int, int]  # of a track's samples: duration, size, flags


@dataclass(slots=True)
class Run:
    """Samples that lie together (`trun`)."""

    track: int
    count: int
    told: int  # which columns its table has
    table: array[int]
    defaults: Defaults
    opening: int | None  # flags of the first sample, where it has its own
    signed: bool  # whether a picture may be shown before it is decoded
    decoded: int | None  # tick of the first sample, where the fragment says it (`tfdt`)
    begin: int  # where the first sample lies in the file
    size: int = 0  # of all of them, bytes

    def column(self, bit: int) -> array[int] | None:
        """One number of each sample; None where the default stands for it."""
        if not self.told & bit:
            return None
        width = (self.told >> 8 & 0xF).bit_count()
        return self.table[(self.told & (bit - 1) & 0xF00).bit_count() :: width]


def runs_of(
    walk: Walk, start: int, end: int, offset: int, defaults: Mapping[int, Defaults]
) -> Iterator[Run | None]:
    """The runs of the `moof` that begins at `offset` and whose content is between two places.

    Of the tracks that have `defaults`; None where somebody else may go on. Raises ValueError, struct.error.
    """
    if end - start > MOOF_LIMIT:
        raise ValueError(f"the index of a fragment is {end - start:,} bytes long, which no camera writes")
    walk.steps += 1  # what it costs to begin
    behind = offset  # the data of the run before, as those lie that say nothing else
    for kind, first, last in walk.children(start, end, _TRAF):
        if walk.due():
            yield None
        if kind != b"traf":
            continue
        track, known, base, decoded = 0, None, behind, None
        for inner, begin, stop in walk.children(first, last, _TOLD):
            if walk.due():
                yield None
            if inner == b"tfhd":
                at = walk.at(begin, min(28, stop - begin))
                data, told = walk.data, u32(walk.data, at)[0]
                track = u32(data, at + 4)[0]
                known = defaults.get(track)
                if known is None:
                    break
                at += 8
                if told & 0x1:
                    base, at = u64(data, at)[0], at + 8
                elif told & 0x20000:  # default-base-is-moof
                    base = offset
                behind = base
                if told & 0x3A:
                    at += 4 if told & 0x2 else 0
                    changed = list(known)
                    for number, bit in enumerate((0x8, 0x10, 0x20)):
                        if told & bit:
                            changed[number], at = u32(data, at)[0], at + 4
                    known = (changed[0], changed[1], changed[2])
            elif inner == b"tfdt":
                at = walk.at(begin, min(12, stop - begin))
                decoded = (u64 if walk.data[at] == 1 else u32)(walk.data, at + 4)[0]
            elif inner == b"trun" and known is not None:
                run = _run(walk, begin, stop, track, known, base, behind)
                behind = run.begin + run.size
                run.decoded, decoded = decoded, None
                yield run


def _run(walk: Walk, first: int, last: int, track: int, defaults: Defaults, base: int, behind: int) -> Run:
    """A `trun`, which begins so far from its fragment's `base` as it says, else `behind` the run before."""
    at = walk.at(first, min(16, last - first))
    walk.steps += 1  # what it costs to begin
    data = walk.data
    told, count = _opening(data, at)
    begin, opening, size = behind, None, 8
    if told & 0x1:
        begin, size = base + i32(data, at + size)[0], size + 4
    if told & 0x4:
        opening, size = u32(data, at + size)[0], size + 4
    signed, width = bool(told >> 24), (told >> 8 & 0xF).bit_count()
    if count > ((last - first - size) // (4 * width) if width else BARE_LIMIT):
        raise ValueError("a fragment names more samples than it holds")
    if not width:
        return Run(track, count, told, _NOTHING, defaults, opening, signed, None, begin, count * defaults[1])
    table = array("I")
    for piece in walk.numbers(first + size, count * width):
        table += piece
    run = Run(track, count, told, table, defaults, opening, signed, None, begin)
    sizes = run.column(SIZE)
    run.size = count * defaults[1] if sizes is None else sum(sizes)
    return run
