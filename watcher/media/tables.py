"""The tables of an MP4's samples (ISO/IEC 14496-12, 8.6 and 8.7), summed without being kept."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import accumulate, chain, islice, repeat
from operator import add, itemgetter, mul, sub
from typing import NamedTuple

from watcher.media.walk import PIECE, Walk, u32

REORDER_LIMIT = 32  # pictures; H.264 and H.265 reorder among 16 at most
CHUNKS_STEPS = 4  # what it costs to look at chunks of as many samples each, beside those
EDITS_LIMIT = 1000  # entries of an edit list; nobody edits on a camera

_Layouts = list[struct.Struct]  # of no run, of one, …
_LASTING: _Layouts = [struct.Struct(">" + "II" * runs) for runs in range(REORDER_LIMIT + 1)]
_SHIFTS: _Layouts = [struct.Struct(">" + "Ii" * runs) for runs in range(REORDER_LIMIT + 1)]
_EDIT, _WIDE_EDIT = struct.Struct(">Iii"), struct.Struct(">Qqi")

_UPPER, _LOWER = bytes(byte >> 4 for byte in range(256)), bytes(byte & 15 for byte in range(256))

Parts = Mapping[bytes, tuple[int, int]]  # where the content of each box of a track is


class Edit(NamedTuple):
    """An entry of an edit list (8.6.6)."""

    length: int  # in the movie's ticks; 0 in a file of fragments: all of it
    media: int  # the track's tick at which it begins; -1: nothing is shown meanwhile
    rate: int  # 16.16; 0: one picture, for so long


class Sizes(NamedTuple):
    """How many samples there are, and how many bytes each has."""

    number: int
    uniform: int  # 0: each has its own …
    table: Iterable[int]  # … in here


def sizes_of(walk: Walk, parts: Parts) -> Sizes:
    """What `stsz` or `stz2` says."""
    if b"stsz" in parts:
        first, last = parts[b"stsz"]
        at = walk.at(first, 12)
        uniform, count = struct.unpack_from(">II", walk.data, at + 4)
        if uniform:
            return Sizes(count, uniform, repeat(uniform))
        if count > (last - first - 12) // 4:
            raise ValueError("fewer sizes than samples")
        return Sizes(count, 0, walk.table(first + 12, count))
    if b"stz2" in parts:
        first, last = parts[b"stz2"]
        at = walk.at(first, 12)
        bits, count = walk.data[at + 7], u32(walk.data, at + 8)[0]
        if bits not in {4, 8, 16} or count > (last - first - 12) * 8 // bits:
            raise ValueError("fewer sizes than samples")
        if bits > 4:
            return Sizes(count, 0, walk.table(first + 12, count, "B" if bits == 8 else "H"))
        halves = chain.from_iterable(_halves(walk, first + 12, (count + 1) // 2))
        return Sizes(count, 0, islice(halves, count))
    return Sizes(0, 0, ())


def _halves(walk: Walk, start: int, count: int) -> Iterator[bytearray]:
    """The numbers of four bits that so many bytes hold, each in a byte of its own."""
    for piece in walk.numbers(start, count, "B"):
        walk.steps += len(piece) >> 4
        data = piece.tobytes()
        halves = bytearray(2 * len(data))
        halves[::2], halves[1::2] = data.translate(_UPPER), data.translate(_LOWER)
        yield halves


def chunks_of(walk: Walk, parts: Parts) -> tuple[int, Iterable[int]]:
    """How many chunks there are, and where each begins in the file (`stco`, `co64`)."""
    kind, code, width = (b"co64", "Q", 8) if b"co64" in parts else (b"stco", "I", 4)
    if kind not in parts:
        return 0, ()
    first, last = parts[kind]
    count = walk.count(first, last, width)
    return count, walk.table(first + 8, count, code)


def chunk_runs(walk: Walk, parts: Parts, chunks: int) -> Iterator[tuple[int, int]]:
    """So many chunks, each of so many samples (`stsc`)."""
    if b"stsc" not in parts:
        return
    first, last = parts[b"stsc"]
    entries = walk.count(first, last, 12)
    begins, each = 0, 0
    numbers = iter(walk.table(first + 8, entries * 3))
    for then, number, _ in zip(numbers, numbers, numbers, strict=False):
        walk.steps += 1
        if begins and then > chunks:
            break
        if then <= begins or (not begins and then != 1):
            raise ValueError("its chunks are out of order")
        if begins:
            yield then - begins, each
        begins, each = then, number
    if begins:
        yield chunks + 1 - begins, each


def placed(walk: Walk, parts: Parts) -> Generator[None, None, tuple[int, int]]:
    """How many samples have a place in the file, and where the one that reaches furthest ends."""
    sizes = sizes_of(walk, parts)
    if not sizes.number:  # as in a file of fragments
        return 0, 0
    chunks, begins = chunks_of(walk, parts)
    if isinstance(begins, array) and b"stsc" in parts and (at_once := _placed_at_once(walk, parts, begins, sizes)):
        return at_once
    sizes, offsets = sizes._replace(table=iter(sizes.table)), iter(begins)
    left, end = sizes.number, 0
    for number, each in chunk_runs(walk, parts, chunks):
        walk.steps += CHUNKS_STEPS
        while number > 0 and left > 0:
            some = min(number, max(1, PIECE // max(each, 1)))
            number -= some  # noqa: PLW2901 - what is left of the run
            here = islice(offsets, some)
            if each * some > left or each > PIECE:
                for begin in here:
                    count = min(each, left)
                    left -= count
                    if count:
                        end = max(end, begin + (yield from _bytes_of(walk, sizes, count)))
            else:
                left -= each * some
                if sizes.uniform or not each:
                    furthest = max(here, default=0)
                    end = max(end, furthest + sizes.uniform * each) if each else end
                elif each == 1:
                    end = max(end, max(map(add, here, sizes.table), default=0))
                else:
                    table = sizes.table
                    end = max(end, max([begin + sum(islice(table, each)) for begin in here], default=0))
                    walk.steps += some >> 1
            walk.steps += some >> 5
            if walk.due():
                yield
    return sizes.number - left, end


def _placed_at_once(walk: Walk, parts: Parts, begins: array[int], sizes: Sizes) -> tuple[int, int] | None:
    """The same of small tables that are as they should be, without a step for each chunk; None of others."""
    first, last = parts[b"stsc"]
    entries, chunks, table = walk.count(first, last, 12), len(begins), sizes.table
    if not 0 < entries <= min(chunks, PIECE // 3) or not (sizes.uniform or isinstance(table, array)):
        return None
    runs = walk.piece(first + 8, entries * 3)
    counts: Iterable[int]  # of samples in each chunk
    if entries == 1:
        each = runs[1]
        if runs[0] != 1 or not 0 < each * chunks <= sizes.number:
            return None
        number, counts = each * chunks, repeat(each, chunks)
    else:
        firsts, many = runs[::3], runs[1::3]
        spans = [*map(sub, firsts[1:], firsts), chunks + 1 - firsts[-1]]
        number = sum(map(mul, many, spans))
        if firsts[0] != 1 or min(spans) < 1 or min(many) < 1 or number > sizes.number:
            return None
        each, counts = max(many), chain.from_iterable(map(repeat, many, spans))
    walk.steps += entries + (chunks + number >> 5)
    if sizes.uniform:
        return number, max(map(add, begins, map(mul, counts, repeat(sizes.uniform))))
    if each == 1:
        return number, max(map(add, begins, table))
    if chunks == 1:
        return number, begins[0] + sum(islice(table, number))
    sums = list(accumulate(table, initial=0))  # of the bytes before each sample …
    sums = itemgetter(*accumulate(counts, initial=0))(sums)  # … and before each chunk
    return number, max(map(add, begins, map(sub, sums[1:], sums)))


def _bytes_of(walk: Walk, sizes: Sizes, count: int) -> Generator[None, None, int]:
    """The bytes of the next samples."""
    walk.steps += 3
    if sizes.uniform:
        return count * sizes.uniform
    total = 0
    while count > 0:
        total += sum(islice(sizes.table, min(count, PIECE)))
        count -= PIECE
        if walk.due():
            yield
    return total


def due_of(walk: Walk, parts: Parts, samples: int) -> Generator[None, None, tuple[int, int, int]]:
    """How many of the first so many samples `stts` names, when the first one is shown, and for how long all are.

    Where pictures of different durations are shown in another order than they are stored (`ctts`), the sum of their
    durations holds the encoder's delay as well, which can be seconds. Times are in ticks.
    """
    if b"stts" not in parts:
        return 0, 0, 0
    first, last = parts[b"stts"]
    entries = walk.count(first, last, 8)
    if entries == 1:
        count, each = _LASTING[1].unpack(walk.read(first + 8, first + 16))
        shown = _first_shown(walk, parts, repeat(each, count)) if b"ctts" in parts else 0
        named = min(count, samples)
        return named, shown, named * each
    named = ticks = 0
    for piece in walk.numbers(first + 8, entries * 2):
        counts, lasting = piece[::2], piece[1::2]
        here = sum(counts)
        if named + here > samples:  # runs of samples that are not there
            for count, each in zip(counts, lasting, strict=True):
                count = min(count, samples - named)  # noqa: PLW2901 - of those that are there
                named += count
                ticks += count * each
            break
        named += here
        ticks += sum(map(mul, counts, lasting))
        if walk.due():
            yield
    if b"ctts" not in parts or not entries:
        return named, 0, ticks
    shown = _first_shown(walk, parts, _unrolled(_first_runs(walk, parts[b"stts"], _LASTING)))
    return named, shown, max(0, _last_shown(walk, parts, ticks) - shown)


def _first_shown(walk: Walk, parts: Parts, lasting: Iterable[int]) -> int:
    """The tick at which the first picture is shown, of those that last so long."""
    shifts = _first_runs(walk, parts[b"ctts"], _SHIFTS)
    return first_shown(lasting, _unrolled(shifts), back=bool(shifts) and min(shifts[1::2]) < 0)


def _last_shown(walk: Walk, parts: Parts, ticks: int) -> int:
    """The tick at which the last picture has been shown.

    Only those at the end can be the last. How long it stays is the muxer's best guess, where it is not the last
    stored.
    """
    lasting, shifts = _last_runs(walk, parts[b"stts"], _LASTING), _last_runs(walk, parts[b"ctts"], _SHIFTS)
    stays = lasting[1]
    end, decoded = 0, ticks
    for each, shift in zip(_unrolled(lasting), _unrolled(shifts), strict=False):
        decoded -= each
        end = max(end, decoded + shift + stays)
    return end


def first_shown(lasting: Iterable[int], shifts: Iterable[int], *, back: bool) -> int:
    """The tick at which the first picture is shown; `back`: some are shown before they are decoded."""
    both = zip(lasting, shifts, strict=False)
    decoded, first = next(both, (0, 0))
    for each, shift in both:
        if decoded >= first and not back:  # nothing that comes later is shown before this
            break
        first = min(first, decoded + shift)
        decoded += each
    return first


def _first_runs(walk: Walk, where: tuple[int, int], layouts: _Layouts) -> tuple[int, ...]:
    """The first runs of a table, each a count and a value."""
    some, begin = min(walk.count(*where, 8), REORDER_LIMIT), where[0] + 8
    return layouts[some].unpack(walk.read(begin, begin + some * 8))


def _last_runs(walk: Walk, where: tuple[int, int], layouts: _Layouts) -> tuple[int, ...]:
    """Its last ones, in reverse."""
    entries = walk.count(*where, 8)
    some, end = min(entries, REORDER_LIMIT), where[0] + 8 + entries * 8
    runs = layouts[some].unpack(walk.read(end - some * 8, end))
    return tuple(chain.from_iterable(zip(runs[-2::-2], runs[::-2], strict=True)))


def _unrolled(runs: tuple[int, ...]) -> Iterator[int]:
    """The values of the first samples, one by one."""
    return islice(chain.from_iterable(map(repeat, runs[1::2], runs[::2])), REORDER_LIMIT)


def edits_of(walk: Walk, parts: Parts) -> list[Edit]:
    """The edit list (`elst`); one that no recorder writes is taken for none."""
    if b"elst" not in parts:
        return []
    first, last = parts[b"elst"]
    at = walk.at(first, 8)
    entry = _WIDE_EDIT if walk.data[at] == 1 else _EDIT
    entries = walk.count(first, last, entry.size)
    if entries > EDITS_LIMIT:
        return []
    return list(map(Edit._make, entry.iter_unpack(walk.read(first + 8, first + 8 + entries * entry.size))))
