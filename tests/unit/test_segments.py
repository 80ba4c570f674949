"""Reading an index and cutting: bytes that lie cost an error in a sentence, soon, and no memory."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips
from watcher.media.fragments import PIECE, Segment, Segments
from watcher.media.samples import Index
from watcher.model.errors import BrokenClipError


def tried(path: Path) -> bool:
    """Whether everything about a file could be cut; only one kind of error is allowed."""
    fd = os.open(path, os.O_RDONLY)
    try:
        segments = Segments(Index(fd, os.fstat(fd).st_size))
        cuts = segments.cuts(0.5)
        segments.beginning(sound=True)
        for begin, end in zip(cuts, [*cuts[1:-1], 1e9], strict=False):
            piece = segments.segment(begin, end, sound=True)
            b"".join(piece.pieces(fd))
    except BrokenClipError:
        return False
    finally:
        os.close(fd)
    return True


@pytest.mark.parametrize("fragmented", [False, True])
def test_damaged_indexes_are_refused(tmp_path: Path, fragmented: bool) -> None:
    """Any bytes of the index changed, many times."""
    options = {"movflags": "frag_keyframe+empty_moov"} if fragmented else {}
    path = clips.make_coded(tmp_path / "a.mp4", audio="aac", seconds=2, options=options)
    assert tried(path)
    data = path.read_bytes()
    index = [at + n for kind, at, size in clips.boxes(data) if kind in {b"moov", b"moof"} for n in range(8, size)]
    chance = random.Random(5)
    whole = 0
    for _ in range(400):
        changed = bytearray(data)
        for at in chance.sample(index, chance.choice((1, 1, 3, 20))):
            changed[at] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        path.write_bytes(changed)
        whole += tried(path)
    assert 20 < whole < 400


@pytest.mark.parametrize("kind", [b"stts", b"stsz", b"stsc", b"stco", b"ctts", b"stss"])
def test_large_numbers_take_no_memory(tmp_path: Path, kind: bytes) -> None:
    """A table that claims four billion entries, or samples."""
    path = clips.make_coded(tmp_path / "a.mp4", seconds=1)
    data = bytearray(path.read_bytes())
    at = data.find(kind)
    if at < 0:
        pytest.skip("this encoder writes none")
    for offset in (8, 12):
        changed = bytearray(data)
        changed[at + offset : at + offset + 4] = struct.pack(">I", 0xFFFFFFF0)
        path.write_bytes(changed)
        tracemalloc.start()
        tried(path)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
        tracemalloc.stop()


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    """What was whole when its index was read."""
    path = clips.make(tmp_path / "a.mp4", seconds=2, faststart=True)
    path.write_bytes(path.read_bytes()[:-100])
    assert not tried(path)


class _Runs(tuple[tuple[int, int], ...]):
    """Runs that count how often all of them are gone through."""

    times = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        type(self).times += 1
        return super().__iter__()


def test_a_large_segment_is_gone_through_once(tmp_path: Path) -> None:
    """However many pieces are sent, and runs it has: once for each piece would take minutes of a hostile file."""
    data = random.Random(1).randbytes(3 * PIECE)
    (path := tmp_path / "a.mp4").write_bytes(data)
    runs = [(at, 1 + at % 90) for at in range(0, len(data) - 100, 100)] + [(7, 2 * PIECE + 5), (3, 1)]
    segment = Segment(b"head", _Runs(runs))
    with path.open("rb") as file:
        pieces = list(segment.pieces(file.fileno()))
    assert b"".join(pieces) == b"head" + b"".join(data[at : at + length] for at, length in runs)
    assert max(map(len, pieces)) <= 2 * PIECE
    assert _Runs.times == 1
    assert sum(map(len, pieces)) == segment.size
    os.truncate(path, PIECE)
    with path.open("rb") as file, pytest.raises(BrokenClipError):
        list(segment.pieces(file.fileno()))
