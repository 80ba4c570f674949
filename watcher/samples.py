"""Where each picture and each sound of an MP4 lies, and when it is due: its index, unrolled.

Of a file whose index has them all, or of fragments (ISO/IEC 14496-12, 8.6 to 8.8). Reading is bounded as in
`boxes.py`. Times are in seconds from the first picture that is shown, as the edit list has it; ticks are a track's.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from watcher.boxes import BOX_LIMIT, MOOF_LIMIT, MOOV_LIMIT, TRACK_LIMIT, children, runs
from watcher.errors import BrokenClipError

SAMPLES_MOST = 2_000_000  # of a track: a day at 23 pictures a second, 160 MB while they are looked at
_EMPTY_TABLES = (b"stts", b"stsc", b"stco")

_u32 = struct.Struct(">I").unpack_from
_u64 = struct.Struct(">Q").unpack_from


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
    defaults: tuple[int, int, int] = (0, 0, 0)  # of a fragment's sample: duration, size, flags
    decoded: array[int] = field(default_factory=lambda: array("q"))  # tick
    ticks: array[int] = field(default_factory=lambda: array("q"))  # how long
    shift: array[int] = field(default_factory=lambda: array("q"))  # shown so many ticks later
    offset: array[int] = field(default_factory=lambda: array("q"))
    size: array[int] = field(default_factory=lambda: array("q"))
    keys: list[int] = field(default_factory=list)  # numbers of the samples that need no other

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
        self._timescale = 1
        self.header = b""  # its `mvhd`
        self.tracks: list[Track] = []
        try:
            self._read(fd, size)
        except (struct.error, LookupError, ValueError, OverflowError) as reason:
            raise BrokenClipError(f"its index is damaged ({reason})") from reason
        self.tracks = [one for one in self.tracks if one.timescale and one.entries == 1 and len(one.decoded)]

    def track(self, handler: bytes) -> Track | None:
        """The first track of a kind: `vide` or `soun`."""
        return next((one for one in self.tracks if one.handler == handler), None)

    def _read(self, fd: int, size: int) -> None:
        offset = 0
        for _ in range(BOX_LIMIT):
            header = os.pread(fd, 16, offset)
            if len(header) < 8:
                break
            length, kind = struct.unpack_from(">I4s", header)
            body = 8
            if length == 1:
                length, body = _u64(header, 8)[0], 16
            elif length == 0:
                length = size - offset
            if length < body:
                raise ValueError(f"no box at byte {offset}")
            if kind == b"moov" and not self.tracks:
                if length > MOOV_LIMIT:
                    raise ValueError("it is too long")
                self._read_moov(os.pread(fd, length - body, offset + body))
            elif kind == b"moof":
                data = os.pread(fd, min(length - body, MOOF_LIMIT), offset + body)
                self._read_moof(data, offset)
            offset += length

    def _read_moov(self, data: bytes) -> None:
        defaults: dict[int, tuple[int, int, int]] = {}
        for kind, start, end in children(data, 0, len(data)):
            if kind == b"mvhd":
                self.header = box(kind, data[start:end])
                self._timescale = _u32(data, start + (20 if data[start] == 1 else 12))[0] or 1
            elif kind == b"mvex":
                for inner, first, _ in children(data, start, end):
                    if inner == b"trex":
                        defaults[_u32(data, first + 4)[0]] = struct.unpack_from(">III", data, first + 12)
        for kind, start, end in children(data, 0, len(data)):
            if kind == b"trak":
                if len(self.tracks) >= TRACK_LIMIT:
                    raise ValueError(f"more than {TRACK_LIMIT} tracks")
                track = Track()
                self._read_trak(data, start, end, track)
                track.defaults = defaults.get(track.id, (0, 0, 0))
                self.tracks.append(track)

    def _read_trak(self, data: bytes, start: int, end: int, track: Track) -> None:
        parts = {kind: (first, last) for kind, first, last in _inside(data, start, end)}
        if not {b"tkhd", b"mdhd", b"hdlr", b"stsd"} <= set(parts):
            return

        def whole(kind: bytes) -> bytes:
            return box(kind, data[slice(*parts[kind])]) if kind in parts else b""

        first = parts[b"tkhd"][0]
        track.id = _u32(data, first + (20 if data[first] == 1 else 12))[0]
        first = parts[b"mdhd"][0]
        track.timescale = _u32(data, first + (20 if data[first] == 1 else 12))[0]
        track.handler = data[parts[b"hdlr"][0] + 8 : parts[b"hdlr"][0] + 12]
        first = parts[b"stsd"][0]
        track.entries, track.codec = _u32(data, first + 4)[0], data[first + 12 : first + 16]
        tables = b"".join(box(kind, bytes(8)) for kind in _EMPTY_TABLES) + box(b"stsz", bytes(12))
        stbl = box(b"stbl", whole(b"stsd"), tables)
        kind = b"vmhd" if track.handler == b"vide" else b"smhd"
        minf = box(b"minf", whole(kind), whole(b"dinf"), stbl)
        track.head = box(b"trak", whole(b"tkhd"), box(b"mdia", whole(b"mdhd"), whole(b"hdlr"), minf))
        if b"elst" in parts and track.timescale:
            track.edit = self._edit(data, *parts[b"elst"], track)
        wanted = track.handler in {b"vide", b"soun"} and self.track(track.handler) is None
        if wanted and b"stsz" in parts and b"stts" in parts:
            _read_tables(data, parts, track)

    def _edit(self, data: bytes, first: int, last: int, track: Track) -> int:
        """How many ticks earlier the track is shown: what its first edits skip, less what they wait."""
        wide = data[first] == 1
        layout = ">Qqi" if wide else ">Iii"
        wait = 0
        for at in range(first + 8, last - struct.calcsize(layout) + 1, struct.calcsize(layout)):
            length, media, _ = struct.unpack_from(layout, data, at)
            if media >= 0:
                return int(media) - round(wait * track.timescale / self._timescale)
            wait += length
        return 0

    def _read_moof(self, data: bytes, offset: int) -> None:
        tracks = {one.id: one for one in (self.track(b"vide"), self.track(b"soun")) if one is not None}
        for kind, start, end in children(data, 0, len(data)):
            if kind == b"traf":
                _read_traf(data, start, end, tracks, offset)


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of ISO base media."""
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _inside(data: bytes, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of a `trak`, those within others too; the first of a kind counts."""
    seen = set()
    for kind, first, last in children(data, start, end):
        if kind in {b"mdia", b"minf", b"stbl", b"edts"} and depth < 4:
            yield from _inside(data, first, last, depth + 1)
        elif kind not in seen and not (kind == b"hdlr" and depth != 1):  # QuickTime has another one in `minf`
            seen.add(kind)
            yield kind, first, last


def _read_tables(data: bytes, parts: dict[bytes, tuple[int, int]], track: Track) -> None:
    """The samples of a file whose index has them all (8.6 and 8.7)."""
    first, last = parts[b"stsz"]
    uniform, count = struct.unpack_from(">II", data, first + 4)
    durations = runs(data, *parts[b"stts"], ">II")
    if count > SAMPLES_MOST or sum(number for number, _ in durations) > SAMPLES_MOST:
        raise ValueError("too many samples")
    if not uniform and count > (last - first - 12) // 4:
        raise ValueError("fewer sizes than samples")
    track.size = array("q", [uniform] * count if uniform else struct.unpack_from(f">{count}I", data, first + 12))
    decoded = 0
    for number, ticks in durations:
        for _ in range(number):
            track.decoded.append(decoded)
            track.ticks.append(ticks)
            decoded += ticks
    for number, shift in runs(data, *parts[b"ctts"], ">Ii") if b"ctts" in parts else ():
        if len(track.shift) + number > SAMPLES_MOST:
            raise ValueError("too many samples")
        track.shift.extend([shift] * number)
    track.offset = array("q", _offsets(data, parts, track.size))
    whole = min(len(track.decoded), len(track.offset))
    track.shift.extend([0] * (whole - len(track.shift)))
    for some in (track.decoded, track.ticks, track.shift, track.offset, track.size):
        del some[whole:]
    if b"stss" in parts:
        first, last = parts[b"stss"]
        number = min(_u32(data, first + 4)[0], (last - first - 8) // 4)
        track.keys = sorted(
            {one - 1 for one in struct.unpack_from(f">{number}I", data, first + 8) if 0 < one <= whole}
        )
    else:
        track.keys = list(range(whole))


def _offsets(data: bytes, parts: dict[bytes, tuple[int, int]], sizes: Sequence[int]) -> list[int]:
    """Where each sample lies: chunks of samples (stsc), and where the chunks are (stco, co64)."""
    wide = b"co64" in parts
    first, last = parts[b"co64" if wide else b"stco"]
    width = 8 if wide else 4
    count = min(_u32(data, first + 4)[0], (last - first - 8) // width)
    chunks = struct.unpack_from(f">{count}{'Q' if wide else 'I'}", data, first + 8)
    first, last = parts[b"stsc"]
    entries = min(_u32(data, first + 4)[0], (last - first - 8) // 12)
    found: list[int] = []
    for entry in range(entries):
        begins, each = struct.unpack_from(">II", data, first + 8 + 12 * entry)
        ends = _u32(data, first + 20 + 12 * entry)[0] if entry + 1 < entries else count + 1
        if ends <= begins <= count:
            raise ValueError("its chunks are out of order")
        for chunk in range(begins - 1, min(ends - 1, count)):
            at = chunks[chunk]
            for _ in range(each):
                if len(found) == len(sizes):
                    return found
                found.append(at)
                at += sizes[len(found) - 1]
    return found


def _read_traf(data: bytes, start: int, end: int, tracks: dict[int, Track], offset: int) -> None:
    """The samples of one track in one fragment (8.8.7 and 8.8.8)."""
    track: Track | None = None
    duration = size = flags = 0
    base = where = offset
    decoded = 0
    for kind, first, last in children(data, start, end):
        told = _u32(data, first)[0] & 0xFFFFFF
        if kind == b"tfhd":
            track = tracks.get(_u32(data, first + 4)[0])
            if track is None:
                return
            decoded = track.decoded[-1] + track.ticks[-1] if track.decoded else 0
            duration, size, flags = track.defaults
            at = first + 8
            if told & 0x1:
                base, at = _u64(data, at)[0], at + 8
                where = base
            at += 4 if told & 0x2 else 0
            if told & 0x8:
                duration, at = _u32(data, at)[0], at + 4
            if told & 0x10:
                size, at = _u32(data, at)[0], at + 4
            if told & 0x20:
                flags = _u32(data, at)[0]
        elif kind == b"tfdt":
            decoded = _u64(data, first + 4)[0] if data[first] == 1 else _u32(data, first + 4)[0]
        elif kind == b"trun" and track is not None:
            where, decoded = _read_trun(data, first, last, track, (duration, size, flags), base, where, decoded)


def _read_trun(
    data: bytes,
    first: int,
    last: int,
    track: Track,
    defaults: tuple[int, int, int],
    base: int,
    where: int,
    decoded: int,
) -> tuple[int, int]:
    """The samples of one run; where those of the next one lie unless it says so, and when it is decoded."""
    told, count = _u32(data, first)[0], _u32(data, first + 4)[0]
    signed = bool(told >> 24)
    at = first + 8
    if told & 0x1:
        where, at = base + struct.unpack_from(">i", data, at)[0], at + 4
    opening = None
    if told & 0x4:
        opening, at = _u32(data, at)[0], at + 4
    stride = 4 * sum(bool(told & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    if count + len(track.decoded) > SAMPLES_MOST or (stride and count > (last - at) // stride):
        raise ValueError("a fragment names more samples than it holds")
    for number in range(count):
        duration, size, flags = defaults
        shift = 0
        if told & 0x100:
            duration, at = _u32(data, at)[0], at + 4
        if told & 0x200:
            size, at = _u32(data, at)[0], at + 4
        if told & 0x400:
            flags, at = _u32(data, at)[0], at + 4
        elif number == 0 and opening is not None:
            flags = opening
        if told & 0x800:
            shift, at = struct.unpack_from(">i" if signed else ">I", data, at)[0], at + 4
        if not flags & 0x10000:
            track.keys.append(len(track.decoded))
        for some, value in (
            (track.decoded, decoded),
            (track.ticks, duration),
            (track.shift, shift),
            (track.offset, where),
            (track.size, size),
        ):
            some.append(value)
        decoded, where = decoded + duration, where + size
    return where, decoded
