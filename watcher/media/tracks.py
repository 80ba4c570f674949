"""One track of an MP4: what its boxes say, and what fragments add to it."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import repeat

from watcher.media.codecs import fourcc
from watcher.media.entries import ENTRY_LIMIT, SIDE_LIMIT, Entry, entry_of
from watcher.media.lengths import Timing
from watcher.media.runs import DURATION, SHIFT, Defaults, Run, runs_of
from watcher.media.tables import REORDER_LIMIT, due_of, edits_of, first_shown, placed
from watcher.media.walk import Walk

UNSET_LENGTHS = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})


@dataclass(slots=True)
class Track:
    """One `trak` while it is being read."""

    id: int = 0
    handler: str = ""
    timing: Timing = field(default_factory=Timing)
    samples: int = 0
    width: int = 0
    height: int = 0
    rotation: int = 0
    mirrored: bool = False
    entry: Entry | None = None
    end: int = 0  # of the sample that lies furthest in the file, bytes from its beginning

    def dimensions(self) -> tuple[int, int]:
        """Pixels as coded, or as they are shown where only that is said."""
        if self.entry is not None and self.entry.width:
            return self.entry.width, self.entry.height
        has_size = 0 < self.width <= SIDE_LIMIT and 0 < self.height <= SIDE_LIMIT
        return (self.width, self.height) if has_size else (0, 0)


def read_track(walk: Walk, start: int, end: int, track: Track) -> Generator[None, None, None]:
    """Take what a `trak` says, in slices. Raises ValueError, struct.error."""
    parts = yield from walk.parts(start, end)
    timing = track.timing
    if b"tkhd" in parts:
        track.id, matrix, width, height = walk.fields(parts[b"tkhd"][0], *_TRACK_HEADER)
        track.width, track.height = width >> 16, height >> 16
        if matrix != _UPRIGHT:
            track.rotation, track.mirrored = _turned(matrix)
    if b"hdlr" in parts:
        at = walk.at(parts[b"hdlr"][0], 12)
        track.handler = fourcc(walk.data[at + 8 : at + 12])
    if track.handler not in {"vide", "soun"}:
        return
    if b"mdhd" in parts:
        timing.timescale, length = walk.fields(parts[b"mdhd"][0], *_MEDIA_HEADER)
        timing.header = 0 if length in UNSET_LENGTHS else length
    if b"stsd" in parts:
        first, last = parts[b"stsd"]
        entry = walk.box(first + 8, last) if first + 16 <= last else None
        if entry is not None:
            kind, begin, stop = entry
            track.entry = entry_of(kind, track.handler, walk.read(begin, min(stop, begin + ENTRY_LIMIT)))
    located, track.end = yield from placed(walk, parts)
    track.samples, timing.first, timing.ticks = yield from due_of(walk, parts, located)
    timing.samples = track.samples
    if b"elst" in parts:
        timing.edits = edits_of(walk, parts)


def _turned(matrix: bytes) -> tuple[int, bool]:
    """How a track's matrix (a, b, u, c, d, …) turns it, in degrees clockwise, and whether it is mirrored before.

    Left and right are exchanged first, where they are. Skewed ones count as upright.
    """
    a, b, _, c, d = struct.unpack(">5i", matrix)
    sign = tuple((n > 0) - (n < 0) for n in (a, b, c, d))
    return _TURNS.get(sign, (0, False))


# Two layouts of a header each, with 32 and with 64 bits for times: a track's number, matrix, width and height
# (8.3.2), and ticks a second and length of its samples (8.4.2).
_TRACK_HEADER = struct.Struct(">12xI24x20s16xII"), struct.Struct(">20xI28x20s16xII")
_MEDIA_HEADER = struct.Struct(">12xII"), struct.Struct(">20xIQ")
_UPRIGHT = struct.pack(">5i", 1 << 16, 0, 0, 0, 1 << 16)
_TURNS = {
    (0, 1, -1, 0): (90, False),
    (-1, 0, 0, -1): (180, False),
    (0, -1, 1, 0): (270, False),
    (-1, 0, 0, 1): (0, True),
    (0, -1, -1, 0): (90, True),
    (1, 0, 0, -1): (180, True),
    (0, 1, 1, 0): (270, True),
}


def read_fragment(
    walk: Walk, start: int, end: int, offset: int, tracks: dict[int, Track], defaults: dict[int, Defaults]
) -> Generator[None, None, None]:
    """Add what a `moof` that begins at `offset` says to its tracks, in slices. Raises ValueError, struct.error."""
    for run in runs_of(walk, start, end, offset, defaults):
        if run is None:
            yield
            continue
        track = tracks.get(run.track)
        if track is None:
            continue
        timing, count = track.timing, run.count
        lasting = run.column(DURATION)
        if not track.samples and (shifts := run.column(SHIFT)) is not None:
            timing.first = _first_shown(run, shifts, lasting)
        timing.ticks += count * run.defaults[0] if lasting is None else sum(lasting)
        track.samples += count
        timing.samples = track.samples
        if run.size:
            track.end = max(track.end, run.begin + run.size)


def _first_shown(run: Run, shifts: array[int], lasting: array[int] | None) -> int:
    """The tick at which the first picture of a run is shown."""
    near = shifts[:REORDER_LIMIT]
    if run.signed:
        near = array("i", near.tobytes())
    return first_shown(repeat(run.defaults[0]) if lasting is None else lasting, near, back=run.signed)
