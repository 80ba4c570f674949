"""The MP4 reader: whole or not, length, tracks, codec strings, faststart, fragments; in pure, bounded Python.

The header of an ISO base media file (ISO/IEC 14496-12) holds every answer that a list needs, so no decoder
is let near a file just to list it. Whatever the bytes are, reading takes at most `walk.STEPS_MOST` steps and keeps
some megabytes: a fragment's index is held whole, tables are summed in pieces, and no loop runs on a number from
the file alone.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from watcher.media.codecs import fourcc
from watcher.media.lengths import Length, length_of
from watcher.media.runs import Defaults, defaults_of
from watcher.media.signatures import begins_like_a_movie, picture, sniff
from watcher.media.tracks import UNSET_LENGTHS, Track, read_fragment, read_track
from watcher.media.walk import MOOV_LIMIT, TRACK_LIMIT, Top, Walk, finished
from watcher.model.errors import BrokenClipError, NotIsoMediaError

__all__ = ["Movie", "begins_like_a_movie", "read_movie", "reading"]

QUICKTIME_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_MOOV_WINDOW = 256 << 10  # most indexes are read at once
_WITHOUT_SAMPLES = {  # boxes of an index that say that it has none itself
    b"cmov": "its index is compressed (cmov), as old QuickTime did: it is not read here",
    b"rmra": "a reference movie: its pictures and its sound lie in other files",
}
_INDEX_BOXES = frozenset({b"mvhd", b"trak", b"mvex", *_WITHOUT_SAMPLES})  # of an index
# Two layouts of `mvhd` (8.2.2): when it was made, ticks a second, its length in them.
_MOVIE_HEADER = struct.Struct(">4xI4xII"), struct.Struct(">4xQ8xIQ")
_end_of = attrgetter("end")


@dataclass(slots=True)
class Movie:
    """What the boxes of one file say."""

    brand: str = ""
    tracks: list[Track] = field(default_factory=list)
    fragmented: bool = False
    faststart: bool = False
    created_at: datetime | None = None  # from `mvhd`; None where it is unset
    timescale: int = 0  # ticks a second of edit lists
    seconds: float = 0.0  # from `mvhd`; 0.0 where it is unset
    end: int = 0  # of the sample that lies furthest in the file, bytes from its beginning
    trailing_bytes: int = 0  # behind the last box and the last sample
    length: Length = field(default_factory=Length)

    def track(self, handler: str) -> Track | None:
        """The first track of a kind: `vide` or `soun`."""
        for track in self.tracks:
            if track.handler == handler and track.entry is not None:
                return track
        return None

    @property
    def duration_seconds(self) -> float | None:
        """Of the picture, else of the sound, as the edit list has it; None where nothing can be believed."""
        return self.length.seconds


def read_movie(fd: int, size: int) -> Movie:
    """Read the boxes of an open file of `size` bytes.

    Raises NotIsoMediaError where the bytes are something else, and BrokenClipError, with a reason for people,
    where the file is empty, cut off, encrypted, or holds nothing to play; OSError from the disk passes through.
    A movie with `trailing_bytes` is whole, but may be one that is still being written.
    """
    return finished(reading(fd, size))


def reading(fd: int, size: int) -> Generator[None, None, Movie]:
    """`read_movie` in slices of some milliseconds."""
    if size <= 0:
        raise BrokenClipError("empty file (0 bytes)")
    walk, movie = Walk(fd, size), Movie()
    try:
        sniff(walk)
        yield from _read(walk, movie)
    except (struct.error, LookupError, ValueError, ArithmeticError) as reason:
        raise BrokenClipError(f"its index is damaged ({reason})") from reason
    played = [track for track in (movie.track("vide"), movie.track("soun")) if track is not None]
    _judge(movie, size, played)
    movie.length = length_of([track.timing for track in played], movie.seconds)
    return movie


def _read(walk: Walk, movie: Movie) -> Generator[None, None, None]:
    top = Top(walk)
    indexed = seen_mdat = False
    early = array("Q")  # fragments before the index: where each begins, and its content, and that ends
    defaults: dict[int, Defaults] = {}
    tracks: dict[int, Track] = {}
    begin = 0
    for kind, start, end in top:
        if walk.steps >= walk.due_at and walk.due():
            yield
        if kind == b"moof":
            movie.fragmented = True
            if indexed:
                yield from read_fragment(walk, start, end, begin, tracks, defaults)
            else:
                early.extend((begin, start, end))
                walk.steps += 2
        elif kind == b"mdat":
            seen_mdat = True
        elif kind == b"ftyp" and not movie.brand:
            movie.brand = fourcc(walk.read(start, min(end, start + 4)))
        elif kind == b"moov" and not indexed:
            if end - start > MOOV_LIMIT:
                raise BrokenClipError(f"its index is {end - start:,} bytes long, which no camera writes")
            indexed, movie.faststart = True, not seen_mdat
            yield from _read_moov(walk, start, end, movie, defaults)
            tracks = {track.id: track for track in movie.tracks}
        begin = end
    _judge_end(top, movie, walk.size, indexed=indexed)
    for number in range(0, len(early), 3):
        yield from read_fragment(walk, early[number + 1], early[number + 2], early[number], tracks, defaults)
    movie.end = max([0, *map(_end_of, movie.tracks)])
    movie.trailing_bytes = max(0, walk.size - max(top.end, movie.end))


def _judge_end(top: Top, movie: Movie, size: int, *, indexed: bool) -> None:
    """Say what is missing where the boxes end in one that is not whole."""
    kind, length = top.rest or (b"", 0)
    if not indexed and (name := picture(movie.brand)) is not None:
        raise NotIsoMediaError(name)
    if kind == b"mdat":
        raise BrokenClipError(f"cut off: {size:,} of at least {top.end + length:,} bytes are there")
    if kind == b"moof":
        raise BrokenClipError("cut off inside a moof box: its last fragment is not complete")
    if indexed:
        return
    if movie.fragmented:
        raise NotIsoMediaError("a fragment of one, without its beginning")
    if kind == b"moov":
        raise BrokenClipError("cut off inside its index (moov)")
    if top.rest and kind == b"\0\0\0\0":
        raise BrokenClipError(f"cut off: from byte {top.end:,} on there are only reserved zeros")
    if top.rest and length > size - top.end and kind:
        raise BrokenClipError(f"cut off inside a {fourcc(kind)} box")
    if top.rest and kind:
        raise BrokenClipError(f"damaged: no box begins at byte {top.end:,} (type {kind!r}, length {length})")
    raise BrokenClipError("cut off: the index (moov) was never written")


def _judge(movie: Movie, size: int, played: list[Track]) -> None:
    """Refuse what reads well but cannot be played."""
    samples = 0
    for track in movie.tracks:
        if track.entry is not None and track.entry.encrypted:
            raise BrokenClipError("encrypted: it cannot be played without its key")
        samples += track.samples
    if not movie.tracks:
        raise BrokenClipError("its index is damaged (no track in it)")
    if not played:
        if (name := picture(movie.brand)) is not None:
            raise NotIsoMediaError(name)
        raise BrokenClipError("no picture and no sound in it")
    if not samples:
        raise BrokenClipError("no pictures in it: the recording stopped before the first one was written")
    if movie.end > size:
        raise BrokenClipError(f"cut off: {size:,} of at least {movie.end:,} bytes are there")


def _read_moov(
    walk: Walk, start: int, end: int, movie: Movie, defaults: dict[int, Defaults]
) -> Generator[None, None, None]:
    walk.at(start, min(end - start, _MOOV_WINDOW))
    kinds = set(_INDEX_BOXES)
    for kind, first, last in walk.children(start, end, kinds):
        if walk.steps >= walk.due_at and walk.due():
            yield
        if kind == b"trak":
            if len(movie.tracks) >= TRACK_LIMIT:
                raise ValueError(f"more than {TRACK_LIMIT} tracks")
            track = Track()
            movie.tracks.append(track)
            yield from read_track(walk, first, last, track)
        elif kind in kinds:
            kinds.discard(kind)  # the first of a kind counts
            if kind == b"mvhd":
                _read_header(walk, first, movie)
            elif kind == b"mvex":
                movie.fragmented = True
                yield from _read_defaults(walk, first, last, defaults)
            else:
                raise BrokenClipError(_WITHOUT_SAMPLES[kind])
    for track in movie.tracks:
        defaults.setdefault(track.id, (0, 0, 0))
        track.timing.movie_timescale = movie.timescale


def _read_header(walk: Walk, first: int, movie: Movie) -> None:
    """Take what `mvhd` says; cameras often leave the time 0."""
    created, movie.timescale, length = walk.fields(first, *_MOVIE_HEADER)
    if 0 < created < 1 << 33:
        movie.created_at = QUICKTIME_EPOCH + timedelta(seconds=created)
    if movie.timescale and length not in UNSET_LENGTHS:
        movie.seconds = length / movie.timescale


def _read_defaults(walk: Walk, first: int, last: int, defaults: dict[int, Defaults]) -> Generator[None, None, None]:
    for trex in defaults_of(walk, first, last):
        if trex is None:
            yield
        else:
            defaults.setdefault(*trex)
