"""The tables of an MP4's samples (ISO/IEC 14496-12, 8.6 and 8.7), summed without being kept."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import chain, compress, islice, repeat
from operator import add, mul, sub
from typing import NamedTuple

from watcher.media.walk import PIECE, Walk, u32

REORDER_LIMIT = 32  # pictures; H.264 and H.265 reorder among 16 at most
EDITS_LIMIT = 1000  # entries of an edit list; nobody edits on a camera

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
        bytes_ = walk.table(first + 12, (count + 1) // 2, "B")
        return Sizes(count, 0, islice((half for byte in bytes_ for half in (byte >> 4, byte & 15)), count))
    return Sizes(0, 0, ())


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
    chunks, begins = chunks_of(walk, parts)
    if isinstance(begins, array) and (sizes.uniform or isinstance(sizes.table, array)):
        return _placed_at_once(chunk_runs(walk, parts, chunks), begins, sizes)
    sizes, offsets = sizes._replace(table=iter(sizes.table)), iter(begins)
    left, end = sizes.number, 0
    for number, each in chunk_runs(walk, parts, chunks):
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


def _placed_at_once(runs: Iterator[tuple[int, int]], begins: array[int], sizes: Sizes) -> tuple[int, int]:
    """The same of small tables, which are there as a whole."""
    table = sizes.table if isinstance(sizes.table, array) else array("I")
    stops = [0]  # behind which sample each chunk ends
    for number, each in runs:
        at = stops[-1]
        if at < sizes.number:  # what is behind them is asked only whether it is in order
            stops.extend(range(at + each, at + each * number + 1, each) if each else [at] * number)
    if stops[-1] > sizes.number:
        stops = [min(stop, sizes.number) for stop in stops]
    counts = list(map(sub, stops[1:], stops))
    if sizes.uniform:
        lengths: Iterator[int] = map(mul, counts, repeat(sizes.uniform))
    else:
        lengths = map(sum, map(table.__getitem__, map(slice, stops, stops[1:])))
    return stops[-1], max(compress(map(add, begins, lengths), counts), default=0)


def _bytes_of(walk: Walk, sizes: Sizes, count: int) -> Generator[None, None, int]:
    """The bytes of the next samples."""
    walk.steps += 1
    if sizes.uniform:
        return count * sizes.uniform
    total = 0
    while count > 0:
        total += sum(islice(sizes.table, min(count, PIECE)))
        count -= PIECE
        if walk.due():
            yield
    return total


def ticks_of(walk: Walk, parts: Parts, samples: int) -> Generator[None, None, tuple[int, int]]:
    """How many ticks the first so many samples last, and how many of them `stts` names."""
    if b"stts" not in parts:
        return 0, 0
    first, last = parts[b"stts"]
    entries = walk.count(first, last, 8)
    if entries == 1:
        count, each = struct.unpack(">II", walk.read(first + 8, first + 16))
        return min(count, samples) * each, min(count, samples)
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
    return ticks, named


def shown_span(walk: Walk, parts: Parts, ticks: int) -> tuple[int, int]:
    """The ticks at which the first picture is shown and at which the last one has been.

    Where pictures of different durations are shown in another order than they are stored, the sum of their
    durations holds the encoder's delay as well, which can be seconds. Only the pictures at either end can be the
    first or the last. How long the last one shown stays is the muxer's best guess, where it is not the last stored.
    """
    if b"ctts" not in parts or b"stts" not in parts:
        return 0, ticks
    first = decoded = 0
    lasting, shifts = _first_runs(walk, parts[b"stts"], ">II"), _first_runs(walk, parts[b"ctts"], ">Ii")
    back = min(shift for _, shift in shifts) < 0 if shifts else False
    for number, (each, shift) in enumerate(zip(_unrolled(lasting), _unrolled(shifts), strict=False)):
        if number and decoded >= first and not back:  # nothing that comes later is shown before this
            break
        first = min(first, decoded + shift) if number else shift
        decoded += each
    if len(lasting) < 2:
        return first, first + ticks
    lasting, shifts = _last_runs(walk, parts[b"stts"], ">II"), _last_runs(walk, parts[b"ctts"], ">Ii")
    stays = lasting[0][1]
    end, decoded = 0, ticks
    for each, shift in zip(_unrolled(lasting), _unrolled(shifts), strict=False):
        decoded -= each
        end = max(end, decoded + shift + stays)
    return first, max(first, end)


def _first_runs(walk: Walk, where: tuple[int, int], layout: str) -> list[tuple[int, int]]:
    """The first runs of a table."""
    begin = where[0] + 8
    some = min(walk.count(*where, 8), REORDER_LIMIT)
    return list(struct.iter_unpack(layout, walk.read(begin, begin + some * 8)))


def _last_runs(walk: Walk, where: tuple[int, int], layout: str) -> list[tuple[int, int]]:
    """Its last ones, in reverse."""
    entries = walk.count(*where, 8)
    end = where[0] + 8 + entries * 8
    return list(struct.iter_unpack(layout, walk.read(end - min(entries, REORDER_LIMIT) * 8, end)))[::-1]


def _unrolled(runs: list[tuple[int, int]]) -> Iterator[int]:
    """The values of the first samples, one by one."""
    return islice(chain.from_iterable(repeat(value, count) for count, value in runs), REORDER_LIMIT)


def edits_of(walk: Walk, parts: Parts) -> list[Edit]:
    """The edit list (`elst`); one that no recorder writes is taken for none."""
    if b"elst" not in parts:
        return []
    first, last = parts[b"elst"]
    at = walk.at(first, 8)
    layout = ">Qqi" if walk.data[at] == 1 else ">Iii"
    entries = walk.count(first, last, struct.calcsize(layout))
    if entries > EDITS_LIMIT:
        return []
    found = walk.read(first + 8, first + 8 + entries * struct.calcsize(layout))
    return [Edit(*entry) for entry in struct.iter_unpack(layout, found)]
