"""Where each picture and each sound of an MP4 lies, and when it is due: its index, unrolled.

Of a file whose index has them all, or of fragments (ISO/IEC 14496-12, 8.6 to 8.8). Reading is bounded in steps,
as any walk is, and in what is kept. Times are in seconds from the first picture that is shown, as the edit list has
it; ticks are a track's.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice, repeat
from typing import overload

from watcher.media.runs import DURATION, FLAGS, SHIFT, SIZE, Defaults, Run, defaults_of, runs_of
from watcher.media.tables import Parts, chunk_runs, chunks_of, edits_of, sizes_of
from watcher.media.walk import MOOV_LIMIT, TRACK_LIMIT, Top, Walk, finished, make, u32
from watcher.model.errors import BrokenClipError

CHUNK_STEPS = 2  # what it costs to place the samples of a chunk, beside those
ADD_STEPS = 10  # what it costs to add a run of a fragment, beside its samples
BYTES_MOST = 42 << 20  # of what is kept of all samples: ten hours of picture and sound take 40 MB
HEAD_LIMIT = 1 << 20  # bytes of what is passed on of a track's boxes
_EMPTY_TABLES = (b"stts", b"stsc", b"stco")
_DIFFERENCE = 0x10000  # sample flag (8.8.3.1): it needs others


class Same(Sequence[int]):
    """So many times the same number."""

    def __init__(self, value: int, count: int) -> None:
        self._value, self._count = value, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Same: ...
    def __getitem__(self, index: int | slice) -> int | Same:
        if isinstance(index, slice):
            return Same(self._value, len(range(self._count)[index]))
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._value

    def __iter__(self) -> Iterator[int]:
        return repeat(self._value, self._count)


@dataclass(slots=True)
class Columns:
    """What fragments say of a track's samples, one number of each."""

    decoded: array[int] = field(default_factory=lambda: array("Q"))
    ticks: array[int] = field(default_factory=lambda: array("I"))
    shift: array[int] = field(default_factory=lambda: array("i"))
    offset: array[int] = field(default_factory=lambda: array("Q"))
    size: array[int] = field(default_factory=lambda: array("I"))
    keys: array[int] = field(default_factory=lambda: array("I"))


@dataclass(slots=True)
class Track:
    """The picture or the sound of a clip: where each sample lies, and when it is due."""

    id: int = 0
    handler: bytes = b""
    timescale: int = 0
    head: bytes = b""  # its `trak`, without its tables
    codec: bytes = b""  # of its first sample entry
    entries: int = 0  # sample descriptions; more than one cannot be told apart here
    edit: int = 0  # ticks by which it is shown earlier than its samples say
    decoded: Sequence[int] = ()  # tick
    ticks: Sequence[int] = ()  # how long
    shift: Sequence[int] = ()  # shown so many ticks later
    offset: Sequence[int] = ()
    size: Sequence[int] = ()
    keys: Sequence[int] = ()  # numbers of the samples that need no other
    columns: Columns | None = None  # where fragments add to it

    def shown(self, number: int) -> float:
        """When a sample is shown, in seconds."""
        return (self.decoded[number] + self.shift[number] - self.edit) / self.timescale

    @property
    def end(self) -> float:
        """When the last sample has been shown, in seconds."""
        last = len(self.decoded) - 1
        return max(
            self.shown(number) + self.ticks[number] / self.timescale
            for number in range(max(0, last - 16), last + 1)
        )


class Index:
    """All tracks of a clip whose samples are of one kind each."""

    def __init__(self, fd: int, size: int) -> None:
        """Read the index of an open file of `size` bytes. Raises BrokenClipError."""
        self._walk = Walk(fd, size)
        self._left = BYTES_MOST
        self._timescale = 1
        self.header = b""  # its `mvhd`
        self.tracks: list[Track] = []
        try:
            self._read()
        except (struct.error, LookupError, ValueError, ArithmeticError) as reason:
            raise BrokenClipError(f"its index is damaged ({reason})") from reason
        self.tracks = [
            track for track in self.tracks if track.timescale and track.entries == 1 and len(track.decoded)
        ]

    def track(self, handler: bytes) -> Track | None:
        """The first track of a kind: `vide` or `soun`."""
        return next((track for track in self.tracks if track.handler == handler), None)

    def _read(self) -> None:
        walk, begin, indexed = self._walk, 0, False
        defaults: dict[int, Defaults] = {}
        chosen: dict[int, Track] = {}
        for kind, start, end in Top(walk):
            walk.due()
            if kind == b"moov" and not indexed:
                if end - start > MOOV_LIMIT:
                    raise ValueError("it is too long")
                indexed = True
                defaults = self._read_moov(start, end)
                chosen = {
                    track.id: track for track in (self.track(b"vide"), self.track(b"soun")) if track is not None
                }
                defaults = {number: defaults.get(number, (0, 0, 0)) for number in chosen}
            elif kind == b"moof":
                for run in runs_of(walk, start, end, begin, defaults):
                    if run is not None:
                        self._add(chosen[run.track], run)
            begin = end

    def _take(self, count: int) -> None:
        """Account for bytes that are kept."""
        self._left -= count
        if self._left < 0:
            raise ValueError("too many samples")

    def _read_moov(self, start: int, end: int) -> dict[int, Defaults]:
        walk = self._walk
        defaults: dict[int, Defaults] = {}
        walk.at(start, min(end - start, 256 << 10))
        traks: list[tuple[int, int]] = []
        kinds = {b"mvhd", b"mvex", b"trak"}
        for kind, first, last in walk.children(start, end, kinds):
            walk.due()
            if kind != b"trak":
                kinds.discard(kind)  # the first of a kind counts
            if kind == b"mvhd":
                self.header = make(kind, walk.read(first, min(last, first + 120)))
                at = walk.at(first, 24)
                self._timescale = u32(walk.data, at + (20 if walk.data[at] == 1 else 12))[0] or 1
            elif kind == b"mvex":
                for trex in defaults_of(walk, first, last):
                    if trex is not None:
                        defaults.setdefault(*trex)
            elif kind == b"trak":
                if len(traks) >= TRACK_LIMIT:
                    raise ValueError(f"more than {TRACK_LIMIT} tracks")
                traks.append((first, last))
        for first, last in traks:  # whose edit lists count in the header's ticks
            self._read_trak(first, last)
        return defaults

    def _read_trak(self, start: int, end: int) -> None:
        walk = self._walk
        parts = finished(walk.parts(start, end))
        if not {b"tkhd", b"mdhd", b"hdlr", b"stsd"} <= set(parts):
            return
        track = Track()
        self.tracks.append(track)

        def content(kind: bytes, most: int = HEAD_LIMIT) -> bytes:
            first, last = parts[kind]
            return walk.read(first, min(last, first + most))

        def whole(kind: bytes) -> bytes:
            return make(kind, content(kind)) if kind in parts else b""

        tkhd, mdhd, stsd = content(b"tkhd"), content(b"mdhd"), content(b"stsd")
        track.id = u32(tkhd, 20 if tkhd[0] == 1 else 12)[0]
        track.timescale = u32(mdhd, 20 if mdhd[0] == 1 else 12)[0]
        track.handler = content(b"hdlr", 12)[8:]
        track.entries, track.codec = u32(stsd, 4)[0], stsd[12:16]
        if track.handler not in {b"vide", b"soun"} or self.track(track.handler) is not track:
            return
        tables = b"".join(make(kind, bytes(8)) for kind in _EMPTY_TABLES) + make(b"stsz", bytes(12))
        stbl = make(b"stbl", make(b"stsd", stsd), tables)
        minf = make(b"minf", whole(b"vmhd" if track.handler == b"vide" else b"smhd"), whole(b"dinf"), stbl)
        track.head = make(b"trak", make(b"tkhd", tkhd), make(b"mdia", make(b"mdhd", mdhd), whole(b"hdlr"), minf))
        self._take(2 * len(track.head))
        if track.timescale:
            track.edit = self._edit(parts, track)
        if b"stsz" in parts and b"stts" in parts:
            self._read_tables(parts, track)

    def _edit(self, parts: Parts, track: Track) -> int:
        """How many ticks earlier the track is shown: what its first edits skip, less what they wait."""
        wait = 0
        for edit in edits_of(self._walk, parts):
            if edit.media >= 0:
                return edit.media - round(wait * track.timescale / self._timescale)
            wait += edit.length
        return 0

    def _read_tables(self, parts: Parts, track: Track) -> None:
        """The samples of a file whose index has them all (8.6 and 8.7)."""
        walk = self._walk
        sizes = sizes_of(walk, parts)
        self._take((8 if sizes.uniform else 12) * sizes.number)
        track.size = Same(sizes.uniform, sizes.number) if sizes.uniform else array("I", sizes.table)
        offset = array("Q")
        chunks, begins = chunks_of(walk, parts)
        offsets = iter(begins)
        for number, samples in chunk_runs(walk, parts, chunks):
            for at in islice(offsets, number):
                first, last = len(offset), min(len(offset) + samples, sizes.number)
                if first == sizes.number:
                    break
                self._pay(CHUNK_STEPS)
                for size in track.size[first:last]:
                    offset.append(at)
                    at += size  # noqa: PLW2901 - the next one lies behind it
            if len(offset) == sizes.number:
                break
        track.offset = offset
        whole = len(offset)
        track.decoded, track.ticks = self._due_at(parts, whole)
        whole = min(whole, len(track.decoded))
        track.shift = self._shifts(parts, whole)
        track.size, track.offset = track.size[:whole], track.offset[:whole]
        track.keys = self._keys(parts, whole)

    def _due_at(self, parts: Parts, most: int) -> tuple[Sequence[int], Sequence[int]]:
        """When each of so many samples is decoded, and for how long it is shown."""
        first, last = parts[b"stts"]
        entries = self._walk.count(first, last, 8)
        if entries == 1:
            count, samples = self._walk.piece(first + 8, 2)
            count = min(count, most)
            return (range(0, count * samples, samples) if samples else Same(0, count)), Same(samples, count)
        self._take(12 * most)
        ticks = array("I")
        for piece in self._walk.numbers(first + 8, entries * 2):
            ticks.extend(islice(chain.from_iterable(map(repeat, piece[1::2], piece[::2])), most - len(ticks)))
            self._pay(len(piece) >> 1)
        return array("Q", accumulate(ticks[:-1], initial=0)) if ticks else array("Q"), ticks

    def _shifts(self, parts: Parts, whole: int) -> Sequence[int]:
        """How many ticks later than it is decoded each sample is shown."""
        if b"ctts" not in parts:
            return Same(0, whole)
        first, last = parts[b"ctts"]
        self._take(4 * whole)
        shift = array("i")
        entries = self._walk.count(first, last, 8)
        for piece in self._walk.numbers(first + 8, entries * 2):
            # What no shift can be otherwise is taken for one that goes back.
            shifts = array("i", piece[1::2].tobytes())
            shift.extend(islice(chain.from_iterable(map(repeat, shifts, piece[::2])), whole - len(shift)))
            self._pay(len(piece) >> 1)
        shift.extend([0] * (whole - len(shift)))
        return shift

    def _keys(self, parts: Parts, whole: int) -> Sequence[int]:
        """The numbers of the samples that need no other; all of them where `stss` does not say."""
        if b"stss" not in parts:
            return range(whole)
        first, last = parts[b"stss"]
        entries = self._walk.count(first, last, 4)
        keys = array("I")
        for number in chain.from_iterable(self._walk.numbers(first + 8, entries)):
            if not number:
                continue
            if number > whole:
                break
            if keys and number - 1 <= keys[-1]:
                raise ValueError("its key frames are out of order")
            keys.append(number - 1)
        return keys

    def _pay(self, steps: int) -> None:
        walk = self._walk
        walk.steps += steps
        if walk.steps >= walk.due_at:
            walk.due()

    def _add(self, track: Track, run: Run) -> None:
        """The samples of one run of a fragment (8.8.8)."""
        self._take(32 * run.count)
        self._walk.steps += ADD_STEPS + (run.count >> 2)
        self._walk.due()
        if track.columns is None:
            track.columns = Columns()
            own = track.columns
            for name in ("decoded", "ticks", "shift", "offset", "size", "keys"):
                getattr(own, name).extend(getattr(track, name))
                setattr(track, name, getattr(own, name))
        into = track.columns
        duration, size, flags = run.defaults
        count, first = run.count, len(into.decoded)
        lasting = run.column(DURATION) or array("I", [duration]) * count
        sizes = run.column(SIZE) or array("I", [size]) * count
        shifts = run.column(SHIFT)
        at = run.decoded
        if at is None:
            at = into.decoded[-1] + into.ticks[-1] if first else 0
        into.decoded.extend(accumulate(lasting[:-1], initial=at) if count else ())
        into.offset.extend(accumulate(sizes[:-1], initial=run.begin) if count else ())
        into.ticks.extend(lasting)
        into.size.extend(sizes)
        into.shift.frombytes(bytes(4 * count) if shifts is None else shifts.tobytes())
        column = run.column(FLAGS) or array("I", [flags]) * count
        if run.opening is not None and count and not run.columns & FLAGS:
            column[0] = run.opening
        into.keys.extend(first + number for number, flag_bits in enumerate(column) if not flag_bits & _DIFFERENCE)
