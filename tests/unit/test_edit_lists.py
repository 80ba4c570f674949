"""Edit lists (ISO/IEC 14496-12, 8.6.6): what they skip, wait for, join and repeat; nothing of it costs a clip its picture."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.unit.test_hostile import grown, look
from watcher.media.probe import playable
from watcher.media.walk import make
from watcher.model.clip import Playable

ONCE = 1 << 16  # a media rate of 1


@pytest.fixture
def film(samples: Path) -> bytes:
    """Two seconds, fifteen pictures a second."""
    return (samples / "plain.mp4").read_bytes()


def scales(data: bytes) -> tuple[int, int, int]:
    """Ticks a second of the movie and of its track, and the track's tick at which its edit list begins."""
    movie = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    track = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
    return movie, track, struct.unpack_from(">i", data, data.index(b"elst") + 16)[0]


def edited(data: bytes, *edits: tuple[float, float | None, int], wide: bool = False) -> bytes:
    """With this edit list: seconds that are shown, the second at which they begin (None: nothing is), the rate."""
    movie, track, first = scales(data)
    entries = b"".join(
        struct.pack(
            ">Qqi" if wide else ">Iii",
            round(seconds * movie),
            -1 if begin is None else first + round(begin * track),
            rate,
        )
        for seconds, begin, rate in edits
    )
    at = data.index(b"elst") - 4
    new = make(b"elst", bytes([wide, 0, 0, 0]), struct.pack(">I", len(edits)), entries)
    return grown(data, (b"edts", b"trak", b"moov"), at, struct.unpack_from(">I", data, at)[0], new)


LISTS = {  # edits; seconds, skipped, waited, whether it is more than a beginning
    "the film": ([(2.0, 0.0, ONCE)], 2.0, 0.0, 0.0, False),
    "preroll": ([(1.0, 1.0, ONCE)], 1.0, 1.0, 0.0, False),
    "preroll, all the rest": ([(0.0, 0.5, ONCE)], 1.5, 0.5, 0.0, False),
    "a part of it": ([(0.5, 0.2, ONCE)], 0.5, 0.2, 0.0, False),
    "longer than the film": ([(9.0, 0.0, ONCE)], 2.0, 0.0, 0.0, False),
    "empty first": ([(1.0, None, ONCE), (2.0, 0.0, ONCE)], 3.0, 0.0, 1.0, False),
    "empty twice": ([(1.0, None, ONCE), (0.5, None, ONCE), (2.0, 0.0, ONCE)], 3.5, 0.0, 1.5, False),
    "empty, then preroll": ([(1.0, None, ONCE), (1.0, 1.0, ONCE)], 2.0, 1.0, 1.0, False),
    "two parts": ([(0.5, 0.0, ONCE), (0.5, 1.5, ONCE)], 1.0, 0.0, 0.0, True),
    "empty between": ([(0.5, 0.0, ONCE), (1.0, None, ONCE), (0.5, 1.5, ONCE)], 2.0, 0.0, 0.0, True),
    "twice as fast": ([(1.0, 0.0, 2 * ONCE)], 1.0, 0.0, 0.0, True),
    "half as fast": ([(4.0, 0.0, ONCE // 2)], 4.0, 0.0, 0.0, True),
    "one picture for long": ([(5.0, 0.5, 0)], 5.0, 0.5, 0.0, True),
    "no key frame": ([(0.5, 1.5, ONCE)], 0.5, 1.5, 0.0, False),
}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", LISTS)
def test_an_edit_list_counts(film: bytes, tmp_path: Path, name: str, wide: bool) -> None:
    edits, seconds, skips, waits, joined = LISTS[name]
    movie = look(tmp_path / "a.mp4", edited(film, *edits, wide=wide))
    assert movie.error is None
    assert movie.duration_seconds == pytest.approx(seconds, abs=0.01)
    assert (movie.media.video.skips_seconds or 0.0) == pytest.approx(skips, abs=0.01)
    assert (movie.media.video.waits_seconds or 0.0) == pytest.approx(waits, abs=0.01)
    assert bool(movie.media.edited) == joined
    assert movie.media.video.fps == pytest.approx(15.0)  # of its samples, whatever is shown of them
    assert playable(movie.media)[0] is (Playable.MAYBE if joined else Playable.YES)


@pytest.mark.parametrize(
    "edits",
    [
        [],
        [(5.0, None, ONCE)],
        [(1.0, 7.0, ONCE)],
        [(0.0, None, ONCE), (0.0, 99.0, ONCE)],
    ],
    ids=["none", "only empty", "behind the end", "nothing of nothing"],
)
def test_a_list_that_shows_nothing_is_not_followed(
    film: bytes, tmp_path: Path, edits: list[tuple[float, float | None, int]]
) -> None:
    movie = look(tmp_path / "a.mp4", edited(film, *edits))
    assert movie.error is None
    assert movie.duration_seconds == pytest.approx(2.0, abs=0.01)
    assert bool(movie.media.remarks) == bool(edits)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("number", [1, 999, 1000, 1001, 50_000])
def test_a_list_of_any_length_and_any_numbers_has_an_honest_length(
    film: bytes, tmp_path: Path, number: int, wide: bool
) -> None:
    """The largest numbers that its fields hold, and ever more entries: at most the film, or what is believed."""
    data = edited(film, *[(0.0, 0.0, ONCE)] * number, wide=wide)
    at = data.index(b"elst") + 12
    width, layout = (20, ">Qqi") if wide else (12, ">Iii")
    extremes = struct.pack(layout, (1 << (64 if wide else 32)) - 1, (1 << (63 if wide else 31)) - 1, (1 << 31) - 1)
    slow = struct.pack(layout, (1 << (64 if wide else 32)) - 1, 0, 1)
    backwards = struct.pack(layout, (1 << (64 if wide else 32)) - 1, 0, -(1 << 31))
    empty = struct.pack(layout, (1 << (64 if wide else 32)) - 1, -1, ONCE)
    for entry in (extremes, slow, backwards, empty):
        movie = look(tmp_path / "a.mp4", data[:at] + entry * number + data[at + width * number :])
        assert movie.error is None
        assert movie.duration_seconds is None or 0 < movie.duration_seconds <= 600 * 30
