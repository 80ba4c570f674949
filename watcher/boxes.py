"""The MP4 reader: whole or not, duration, tracks, codec strings, faststart, fragments; in pure, bounded Python.

The header of an ISO base media file (ISO/IEC 14496-12) holds every answer that a list needs, so no decoder
is let near a file just to list it. Reading is bounded: at most `MOOV_LIMIT` bytes of index and `BOX_LIMIT`
boxes, and no loop runs on a number from the file alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, repeat
from typing import TypeVar

from watcher.clip import AudioTrack, MediaInfo, VideoTrack
from watcher.codecs import codec_of
from watcher.errors import BrokenClipError, NotIsoMediaError

MOOV_LIMIT = 64 << 20  # bytes; an hour at 30 fps needs about 2 MB
MOOF_LIMIT = 4 << 20
BOX_LIMIT = 250_000  # top-level boxes; a ten-hour recording in one-second fragments has 72,000
DEPTH_LIMIT = 12
TRACK_LIMIT = 64
REORDER_LIMIT = 32  # pictures; H.264 and H.265 reorder among 16 at most
QUICKTIME_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)

SLICE_BOXES = 500  # read between two moments in which somebody else may go on: some milliseconds

Made = TypeVar("Made")

_u16 = struct.Struct(">H").unpack_from
_u32 = struct.Struct(">I").unpack_from
_u64 = struct.Struct(">Q").unpack_from
_box = struct.Struct(">I4s").unpack_from

# Box types that a file may begin with and still be ISO-BMFF or old QuickTime.
_FIRST_BOXES = {
    b"ftyp",
    b"styp",
    b"moov",
    b"moof",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"pnot",
    b"sidx",
    b"uuid",
}


@dataclass(slots=True)
class Track:
    """One `trak` while it is being read."""

    id: int = 0
    handler: str = ""
    timescale: int = 0
    header_duration: int = 0
    ticks: int = 0  # summed from the samples, in `timescale` units
    samples: int = 0
    width: int = 0
    height: int = 0
    rotation: int = 0
    codec: str = ""
    codec_string: str = ""
    channels: int = 0
    sample_rate: int = 0
    encrypted: bool = False
    durations: list[tuple[int, int]] = field(default_factory=list)  # runs of (samples, ticks of each)
    shifts: list[tuple[int, int]] = field(default_factory=list)  # runs of (samples, shown so many ticks later)
    last_chunk: int = 0  # offset of the last chunk, bytes
    default_duration: int = 0  # of a fragment's sample, from `trex`

    @property
    def seconds(self) -> float:
        """Duration from the samples, or from the header where the samples say nothing."""
        if not self.timescale:
            return 0.0
        return (self.ticks or self.header_duration) / self.timescale


@dataclass(slots=True)
class Movie:
    """What the boxes of one file say."""

    brand: str = ""
    tracks: list[Track] = field(default_factory=list)
    fragmented: bool = False
    faststart: bool = False
    created_at: datetime | None = None  # from `mvhd`; None where it is unset

    def track(self, handler: str) -> Track | None:
        """The first track of a kind: `vide` or `soun`."""
        return next((track for track in self.tracks if track.handler == handler and track.codec), None)

    @property
    def duration_seconds(self) -> float:
        """Of the picture, or of the sound where there is none; in seconds."""
        track = self.track("vide") or self.track("soun")
        return track.seconds if track else 0.0

    def media_info(self) -> MediaInfo:
        """The same as the catalog's words."""
        video, audio = self.track("vide"), self.track("soun")
        seconds = video.seconds if video else 0.0
        picture = sound = None
        if video:
            fps = round(video.samples / seconds, 3) if seconds else 0.0
            picture = VideoTrack(video.codec, video.width, video.height, fps, video.rotation)
        if audio:
            sound = AudioTrack(audio.codec, audio.channels, audio.sample_rate)
        return MediaInfo(
            container="mov" if self.brand == "qt" else "mp4",
            codecs=",".join(track.codec_string for track in (video, audio) if track),
            fragmented=self.fragmented,
            faststart=self.faststart,
            video=picture,
            audio=sound,
        )


def read_movie(fd: int, size: int) -> Movie:
    """Read the boxes of an open file of `size` bytes.

    Raises NotIsoMediaError where the bytes are something else, and BrokenClipError, with a reason for people,
    where the file is empty, cut off, encrypted, or holds nothing to play.
    """
    return finished(reading(fd, size))


def finished(steps: Generator[None, None, Made]) -> Made:
    """What work in slices leads to, done at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def reading(fd: int, size: int) -> Generator[None, None, Movie]:
    """`read_movie` in slices of some milliseconds."""
    if size == 0:
        raise BrokenClipError("empty file (0 bytes)")
    head = os.pread(fd, 4096, 0)
    _sniff(head, size, lambda offset: os.pread(fd, 1 << 16, offset))
    movie = Movie()
    moov: bytes | None = None
    offset = 0
    seen_mdat = False
    fragments: list[tuple[int, int]] = []
    for number in range(BOX_LIMIT):
        if offset >= size:
            break
        if number % SLICE_BOXES == SLICE_BOXES - 1:
            yield
        header = head[offset : offset + 16] if offset + 16 <= len(head) else os.pread(fd, 16, offset)
        if len(header) < 8:
            raise BrokenClipError(f"cut off: the file ends inside a box header at byte {offset}")
        length, kind = _box(header, 0)
        body = 8
        if length == 1:
            if len(header) < 16:
                raise BrokenClipError(f"cut off: the file ends inside a box header at byte {offset}")
            length, body = _u64(header, 8)[0], 16
        elif length == 0:  # to the end of the file: a recorder's placeholder, or a real last mdat
            length = size - offset
        if not _is_type(kind) or length < body:
            raise BrokenClipError(_garbage(kind, length, offset))
        if offset + length > size:
            raise BrokenClipError(
                f"cut off: {size:,} of at least {offset + length:,} bytes are there"
                if kind == b"mdat"
                else "cut off inside its index (moov)"
                if kind == b"moov"
                else f"cut off inside a {kind.decode('ascii', 'replace')} box"
            )
        if kind == b"ftyp":
            movie.brand = os.pread(fd, 4, offset + body).decode("ascii", "replace").strip()
        elif kind == b"moov" and moov is None:
            if length > MOOV_LIMIT:
                raise BrokenClipError(f"its index is {length:,} bytes long, which no camera writes")
            moov = os.pread(fd, length - body, offset + body)
            movie.faststart = not seen_mdat
        elif kind == b"moof":
            movie.fragmented = True
            fragments.append((offset + body, min(length - body, MOOF_LIMIT)))
        elif kind == b"mdat":
            seen_mdat = True
        offset += length
    else:
        raise BrokenClipError(f"more than {BOX_LIMIT:,} boxes")
    if moov is None:
        raise BrokenClipError("cut off: the index (moov) was never written")
    try:
        _read_moov(moov, movie)
        for number, (start, length) in enumerate(fragments):
            if number % SLICE_BOXES == SLICE_BOXES - 1:
                yield
            _read_moof(os.pread(fd, length, start), movie)
    except (struct.error, IndexError, ValueError) as reason:
        raise BrokenClipError(f"its index is damaged ({reason})") from reason
    _judge(movie, size)
    return movie


def _judge(movie: Movie, size: int) -> None:
    """Refuse what reads well but cannot be played."""
    if any(track.encrypted for track in movie.tracks):
        raise BrokenClipError("encrypted: it cannot be played without its key")
    if not movie.tracks:
        raise BrokenClipError("its index is damaged (no track in it)")
    if not movie.track("vide") and not movie.track("soun"):
        raise BrokenClipError("no picture and no sound in it")
    if not any(track.samples for track in movie.tracks):
        raise BrokenClipError("no pictures in it: the recording stopped before the first one was written")
    furthest = max(track.last_chunk for track in movie.tracks)
    if furthest >= size:
        raise BrokenClipError(f"cut off: {size:,} of more than {furthest:,} bytes are there")


def begins_like_a_movie(head: bytes) -> bool:
    """Whether the first eight bytes are those of ISO-BMFF or old QuickTime."""
    return len(head) >= 8 and head[4:8] in _FIRST_BOXES


def _sniff(head: bytes, size: int, read: Callable[[int], bytes]) -> None:
    """Return where the first bytes are ISO-BMFF; else raise with the name of what they are."""
    if begins_like_a_movie(head):
        return
    if not any(head):
        if any(read(size // 2)) or any(read(max(0, size - (1 << 16)))):
            raise BrokenClipError("its beginning is zeros: the start was reserved but never written")
        raise BrokenClipError("filled with zeros: the space was reserved, but nothing was written")
    for magic, container, name in (
        (b"\x00\x00\x01\xba", "mpeg", "MPEG program stream (Hikvision block file)"),
        (b"\x1a\x45\xdf\xa3", "matroska", "Matroska or WebM"),
        (b"DHAV", "dhav", "Dahua DAV stream"),
        (b"\xff\xd8\xff", None, "JPEG picture"),
        (b"\x89PNG", None, "PNG picture"),
        (b"PK\x03\x04", None, "ZIP archive"),
        (b"%PDF", None, "PDF document"),
        (b"FLV\x01", "flv", "Flash video"),
    ):
        if head.startswith(magic):
            raise NotIsoMediaError(name, container)
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        raise NotIsoMediaError("AVI", "avi")
    if len(head) > 188 and head[0] == 0x47 and head[188] == 0x47:
        raise NotIsoMediaError("MPEG transport stream", "mpegts")
    if head.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01")):
        raise NotIsoMediaError("bare video stream without a container", None)
    if _is_text(head[:512]):
        what = "HTML page" if head.lstrip()[:1] == b"<" else "text"
        raise NotIsoMediaError(what, None)
    raise NotIsoMediaError("unknown data", None)


def _is_text(sample: bytes) -> bool:
    return all(byte >= 0x20 or byte in b"\t\r\n\f\x1b" for byte in sample)


def _is_type(kind: bytes) -> bool:
    """Whether four bytes can be a box type: printable, or QuickTime's leading ©."""
    return kind.isalnum() or all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def _garbage(kind: bytes, length: int, offset: int) -> str:
    if kind == b"\0\0\0\0":
        return f"cut off: from byte {offset:,} on there are only reserved zeros"
    return f"damaged: no box begins at byte {offset:,} (type {kind!r}, length {length})"


def children(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each box in `data[start:end]`."""
    while start + 8 <= end:
        length, kind = _box(data, start)
        body = start + 8
        if length == 1:
            length, body = _u64(data, start + 8)[0], start + 16
        elif length == 0:
            length = end - start
        stop = start + length
        if stop <= start or body > stop or stop > end:
            if kind == b"\0\0\0\0":  # QuickTime ends some lists with a 32-bit zero
                return
            raise ValueError(f"a {kind!r} box leaves its parent")
        yield kind, body, stop
        start = stop


def _read_moov(data: bytes, movie: Movie) -> None:
    defaults: dict[int, int] = {}
    for kind, start, end in children(data, 0, len(data)):
        if kind == b"mvhd":
            movie.created_at = _created(data, start)
        elif kind == b"trak":
            if len(movie.tracks) >= TRACK_LIMIT:
                raise ValueError(f"more than {TRACK_LIMIT} tracks")
            track = Track()
            _read_trak(data, start, end, track, 0)
            movie.tracks.append(track)
        elif kind == b"mvex":
            movie.fragmented = True
            for inner, first, _ in children(data, start, end):
                if inner == b"trex":
                    defaults[_u32(data, first + 4)[0]] = _u32(data, first + 12)[0]
    for track in movie.tracks:
        if track.shifts and len(track.durations) > 1:
            track.ticks = _shown_ticks(track)
        track.default_duration = defaults.get(track.id, 0)


def _created(data: bytes, start: int) -> datetime | None:
    """The `mvhd` creation time: seconds since 1904 in UTC; cameras often leave it 0."""
    seconds = _u64(data, start + 4)[0] if data[start] == 1 else _u32(data, start + 4)[0]
    if not 0 < seconds < 1 << 33:
        return None
    return QUICKTIME_EPOCH + timedelta(seconds=seconds)


def _read_trak(data: bytes, start: int, end: int, track: Track, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise ValueError("boxes nested too deep")
    for kind, first, last in children(data, start, end):
        if kind in {b"mdia", b"minf", b"stbl"}:
            _read_trak(data, first, last, track, depth + 1)
        elif kind == b"tkhd":
            wide = 12 if data[first] == 1 else 0
            track.id = _u32(data, first + (20 if wide else 12))[0]
            track.rotation = _rotation(data, first + 40 + wide)
        elif kind == b"mdhd":
            if data[first] == 1:
                track.timescale, track.header_duration = _u32(data, first + 20)[0], _u64(data, first + 24)[0]
            else:
                track.timescale, track.header_duration = _u32(data, first + 12)[0], _u32(data, first + 16)[0]
            if track.header_duration in {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}:
                track.header_duration = 0
        elif kind == b"hdlr" and not track.handler:
            handler = data[first + 8 : first + 12]
            track.handler = handler.decode("ascii", "replace")
        elif kind == b"stsd" and not track.codec:
            _read_sample_description(data, first, last, track)
        elif kind == b"stts":
            track.durations = runs(data, first, last, ">II")
            track.samples = sum(count for count, _ in track.durations)
            track.ticks = sum(count * ticks for count, ticks in track.durations)
        elif kind == b"ctts":
            track.shifts = runs(data, first, last, ">Ii")
        elif kind in {b"stco", b"co64"}:
            width, unpack = (4, _u32) if kind == b"stco" else (8, _u64)
            entries = min(_u32(data, first + 4)[0], (last - first - 8) // width)
            if entries:
                track.last_chunk = unpack(data, first + 8 + (entries - 1) * width)[0]


def runs(data: bytes, first: int, last: int, layout: str) -> list[tuple[int, int]]:
    """The entries of a run-length box."""
    entries = min(_u32(data, first + 4)[0], (last - first - 8) // 8)
    return list(struct.iter_unpack(layout, data[first + 8 : first + 8 + entries * 8]))


def _shown_ticks(track: Track) -> int:
    """From the first picture shown to the end of the last one.

    Where pictures of different durations are shown in another order than they are stored, the sum of their
    durations holds the encoder's delay as well, which can be seconds. Only the pictures at either end can be the
    first or the last.
    """
    first = decoded = 0
    for number, (ticks, shift) in enumerate(zip(_unrolled(track.durations), _unrolled(track.shifts), strict=False)):
        first = min(first, decoded + shift) if number else shift
        decoded += ticks
    # The last picture shown need not be the last one stored; how long it stays is the muxer's best guess.
    stays = track.durations[-1][1]
    end, decoded = 0, track.ticks
    for ticks, shift in zip(_unrolled(track.durations[::-1]), _unrolled(track.shifts[::-1]), strict=False):
        decoded -= ticks
        end = max(end, decoded + shift + stays)
    return max(0, end - first)


def _unrolled(runs: list[tuple[int, int]]) -> Iterator[int]:
    """The values of the first samples, one by one."""
    return islice(chain.from_iterable(repeat(value, count) for count, value in runs), REORDER_LIMIT)


def _rotation(data: bytes, start: int) -> int:
    """Degrees clockwise from the track's matrix (a, b, u, c, d, …); mirrored and skewed ones count as 0."""
    a, b, _, c, d = struct.unpack_from(">5i", data, start)
    sign = tuple((n > 0) - (n < 0) for n in (a, b, c, d))
    return {(0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270}.get(sign, 0)


def _read_moof(data: bytes, movie: Movie) -> None:
    tracks = {track.id: track for track in movie.tracks}
    for kind, start, end in children(data, 0, len(data)):
        if kind != b"traf":
            continue
        track: Track | None = None
        default = 0
        for inner, first, last in children(data, start, end):
            flags = _u32(data, first)[0] & 0xFFFFFF
            if inner == b"tfhd":
                track = tracks.get(_u32(data, first + 4)[0])
                default = track.default_duration if track else 0
                at = first + 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
                if flags & 0x8:
                    default = _u32(data, at)[0]
            elif inner == b"trun" and track is not None:
                _read_trun(data, first, last, flags, track, default)


def _read_trun(data: bytes, first: int, last: int, flags: int, track: Track, default: int) -> None:
    at = first + 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    fields = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]  # duration, size, flags, offset
    stride = 4 * sum(fields)
    count = _u32(data, first + 4)[0]
    if stride:
        if count > (last - at) // stride:
            raise ValueError("a fragment names more samples than it holds")
    elif count > 1 << 20:
        raise ValueError("a fragment names more than a million samples")
    track.samples += count
    if fields[0]:
        track.ticks += sum(_u32(data, at + index * stride)[0] for index in range(count))
    else:
        track.ticks += count * default


def _read_sample_description(data: bytes, first: int, last: int, track: Track) -> None:
    """Take codec and size from the first entry of `stsd`."""
    for kind, start, end in children(data, first + 8, last):
        track.encrypted = kind in {b"encv", b"enca", b"drmi", b"drms"}
        if track.handler == "vide":
            track.width, track.height = _u16(data, start + 24)[0], _u16(data, start + 26)[0]
            inner = start + 78
        elif track.handler == "soun":
            version = _u16(data, start + 8)[0]
            track.channels = _u16(data, start + 16)[0]
            track.sample_rate = _u32(data, start + 24)[0] >> 16
            inner = start + 28
            if version == 2 and end - start >= 64:  # QuickTime: a 64-bit float rate and a wide channel count
                track.sample_rate = int(struct.unpack_from(">d", data, start + 32)[0])
                track.channels = _u32(data, start + 40)[0]
                inner = start + 64
            elif version == 1:
                inner = start + 44
        else:
            return
        parts = {box: data[at:stop] for box, at, stop in _loose_children(data, inner, end)}
        track.codec, track.codec_string = codec_of(kind, parts)
        return


def _loose_children(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes inside a sample entry; junk behind the last one, which some cameras leave, is passed over.

    QuickTime wraps `esds` in a `wave` box, which is opened here.
    """
    try:
        for kind, first, last in children(data, start, end):
            if kind == b"wave":
                yield from _loose_children(data, first, last)
            else:
                yield kind, first, last
    except (ValueError, struct.error):
        return
