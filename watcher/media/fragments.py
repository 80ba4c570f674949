"""Pieces of an MP4 as fragments for players that join clips (HLS), cut between key frames; nothing is encoded.

A segment is a new index over some samples of a clip (ISO/IEC 14496-12, 8.8), and their bytes as they are. Nothing
is kept on disk. Times are in seconds from the first picture that is shown.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from watcher.media.samples import Index, Track
from watcher.media.walk import make
from watcher.model.errors import BrokenClipError

SEGMENT_BYTES_MOST = 64 << 20
PIECE = 256 << 10  # bytes that are read at once
SYNC, NOT_SYNC = 0x02000000, 0x01010000  # sample flags (8.8.3.1): a key frame, or one that needs others
# ISO base media with fragments, and Common Media Application Format (ISO/IEC 23000-19).
_FTYP = b"iso6\x00\x00\x00\x00iso6cmfcmp41"


class Segment(NamedTuple):
    """A piece of a clip: what is new in it, and where all else lies in the clip's file."""

    head: bytes
    runs: tuple[tuple[int, int], ...]  # where each begins, and its length

    @property
    def size(self) -> int:
        """Bytes that it has."""
        return len(self.head) + sum(length for _, length in self.runs)

    def pieces(self, fd: int) -> Iterator[bytes]:
        """All of it, in pieces of some size; each run is looked at once, however many there are.

        Raises BrokenClipError if the file lacks some of it.
        """
        parts, held = [self.head], len(self.head)
        for begins, length in self.runs:
            for at in range(begins, begins + length, PIECE):
                try:
                    part = os.pread(fd, min(PIECE, begins + length - at), at)
                except (OverflowError, OSError) as reason:  # places that no clip has
                    raise BrokenClipError(f"its index is damaged ({reason})") from reason
                if len(part) < min(PIECE, begins + length - at):
                    raise BrokenClipError("the file has become shorter")
                parts.append(part)
                held += len(part)
                if held >= PIECE:
                    yield b"".join(parts)
                    parts, held = [], 0
        yield b"".join(parts)


class Segments:
    """What can be cut from a clip."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def chosen(self, *, sound: bool) -> list[Track]:
        """The picture and, where it is wanted, the sound. Raises BrokenClipError if there is neither."""
        picture, sound_track = self._index.track(b"vide"), self._index.track(b"soun")
        tracks = [
            track for track in (picture, sound_track if sound or picture is None else None) if track is not None
        ]
        if not tracks:
            raise BrokenClipError("no picture and no sound that could be cut")
        return tracks

    def cuts(self, seconds: float) -> list[float]:
        """Where segments of about so many seconds begin, at key frames, and last where the last one ends."""
        lead = self.chosen(sound=False)[0]
        cuts = [0.0]
        for number in lead.keys:
            at = lead.shown(number)
            if at - cuts[-1] >= seconds:
                cuts.append(at)
        end = max(lead.end, 0.001)
        return [*(at for at in cuts if at < end), end]

    def beginning(self, *, sound: bool) -> bytes:
        """What a player needs before any segment: the index without samples."""
        tracks = self.chosen(sound=sound)
        extends = [make(b"trex", struct.pack(">IIIIII", 0, track.id, 1, 0, 0, 0)) for track in tracks]
        heads = [track.head for track in tracks]
        return make(b"ftyp", _FTYP) + make(b"moov", self._index.header, *heads, make(b"mvex", *extends))

    def segment(self, begin: float, end: float, *, sound: bool) -> Segment:
        """What begins with key frames in [begin, end): the sound meanwhile goes along.

        The first one has what comes before its key frame, and sound is cut where the pictures are. Raises
        BrokenClipError if nothing begins there, or it is too large.
        """
        tracks = self.chosen(sound=sound)
        lead = tracks[0]
        first = self._key_at(lead, begin) if begin > 0 else 0
        last = self._key_at(lead, end)
        if first >= last:
            raise BrokenClipError("no segment begins there")
        times = [lead.shown(number) if number < len(lead.decoded) else None for number in (first, last)]
        times[0] = times[0] if first else 0.0
        spans = [(lead, first, last)]
        spans += [(track, _sample_at(track, times[0]), _sample_at(track, times[1])) for track in tracks[1:]]
        total = sum(sum(track.size[low:high]) for track, low, high in spans)
        if total > SEGMENT_BYTES_MOST:
            raise BrokenClipError("a segment of it is too large")
        # Where pictures are reordered the first one waits, and all others with it: players differ in how they take
        # what is shown before it is decoded.
        wait = max(0, lead.edit) / lead.timescale
        try:
            head = _moof(spans, wait, len(_moof(spans, wait, 0)) + 8)
        except (struct.error, OverflowError) as reason:  # times and places that no clip has
            raise BrokenClipError(f"its index is damaged ({reason})") from reason
        runs = tuple(run for track, low, high in spans for run in _runs(track, low, high))
        return Segment(head + struct.pack(">I4s", total + 8, b"mdat"), runs)

    @staticmethod
    def _key_at(lead: Track, at: float) -> int:
        """The number of the first key frame from a moment on; that of the end where there is none."""
        place = bisect_left(lead.keys, True, key=lambda number: lead.shown(number) >= at - 0.0005)
        return lead.keys[place] if place < len(lead.keys) else len(lead.decoded)


def _sample_at(track: Track, at: float | None) -> int:
    """The number of the first sample of a sound that is due at a moment or later; None is the end."""
    if at is None:
        return len(track.decoded)
    return bisect_left(track.decoded, round(at * track.timescale) + track.edit)


def _moof(spans: Sequence[tuple[Track, int, int]], wait: float, at: int) -> bytes:
    """The index of a segment: all is shown `wait` seconds later, its bytes begin `at` so many behind its own."""
    parts = [make(b"mfhd", struct.pack(">II", 0, 1))]
    for track, low, high in spans:
        keys = set(track.keys[bisect_left(track.keys, low) : bisect_left(track.keys, high)])
        begins = track.decoded[low] - track.edit + round(wait * track.timescale) if low < high else 0
        rows = b"".join(
            struct.pack(
                ">IIIi",
                track.ticks[number],
                track.size[number],
                SYNC if number in keys else NOT_SYNC,
                track.shift[number],
            )
            for number in range(low, high)
        )
        parts.append(
            make(
                b"traf",
                make(b"tfhd", struct.pack(">II", 0x020000, track.id)),  # offsets count from the `moof`
                make(b"tfdt", struct.pack(">IQ", 0x01000000, max(0, begins))),
                make(b"trun", struct.pack(">IIi", 0x01000F01, high - low, at), rows),
            )
        )
        at += sum(track.size[low:high])
    return make(b"moof", *parts)


def _runs(track: Track, low: int, high: int) -> list[tuple[int, int]]:
    """Where the bytes of some samples lie; those that lie together are one run."""
    spans: list[tuple[int, int]] = []
    start = size = 0
    for number in range(low, high):
        if track.offset[number] != start + size:
            spans.append((start, size))
            start, size = track.offset[number], 0
        size += track.size[number]
    return [run for run in (*spans, (start, size)) if run[1]]
