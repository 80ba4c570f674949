"""Turns at slow answers: shared by processes, fair among readers, lost by nobody who dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.model.errors import TooManyError
from watcher.web.http import turns
from watcher.web.http.turns import PACE_LEAST, TIME_SECONDS, WAIT_SECONDS, Turn, Turns

PIECE = 64 << 10


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the clock shows."""
    clock = [1000.0]
    monkeypatch.setattr(turns.time, "monotonic", lambda: clock[0])
    return clock


class Reader:
    """Somebody who reads without end, so many bytes a second."""

    def __init__(self, turn: Turn, pace: float) -> None:
        self.turn, self.pace, self.until = turn, pace, 0.0
        self.pieces = turn.paced(iter(lambda: bytes(PIECE), None))
        next(self.pieces)
        self.ended = False

    def read(self, now: list[float]) -> None:
        """A piece, if it is time for one; the turn ends where that is refused."""
        self.until = self.until or now[0] + PIECE / self.pace
        if not self.ended and now[0] >= self.until:
            self.until += PIECE / self.pace
            try:
                next(self.pieces)
            except TimeoutError:
                self.ended = True
                self.turn.give()


def pass_time(now: list[float], seconds: float, *readers: Reader) -> None:
    """Let time go by in which they read."""
    until = now[0] + seconds
    while now[0] < until:
        now[0] += 0.05
        for reader in readers:
            reader.read(now)


def test_one_reader_leaves_turns_for_others(tmp_path: Path) -> None:
    """Two of four; the third is refused, other readers are not; what was given back can be had again."""
    mine = [Turns(tmp_path, "zip").take("porch") for _ in range(2)]
    with pytest.raises(TooManyError):
        Turns(tmp_path, "zip").take("porch")
    others = [Turns(tmp_path, "zip").take(name) for name in ("gate", "yard")]
    with pytest.raises(TooManyError):
        Turns(tmp_path, "zip").take("porch")
    mine[0].give()
    Turns(tmp_path, "zip").take("attic").give()
    mine[1].give()
    again = Turns(tmp_path, "zip").take("porch")
    with pytest.raises(TooManyError, match="other downloads"):
        Turns(tmp_path, "zip").take("porch")
    for turn in (again, *others):
        turn.give()


def test_two_readers_never_have_all_turns(tmp_path: Path) -> None:
    """A second turn is for whom it leaves two; one's first is always there to be had while one is free."""
    zips = Turns(tmp_path, "zip")
    turns = [zips.take("a"), zips.take("b")]
    with pytest.raises(TooManyError):
        zips.take("b")
    turns += [zips.take("c"), zips.take("d")]
    for turn in turns:
        turn.give()


@pytest.mark.parametrize("names", ["aabc", "abcd"])
def test_slow_readers_make_room_when_others_wait(names: str, tmp_path: Path, now: list[float]) -> None:
    """Those who read just as fast as they have to keep all turns for fifteen minutes, not for hours.

    The slowest goes, the turn is for whoever waited, and nobody else gets it, the one who had it least of all.
    """
    zips = Turns(tmp_path, "zip")
    held = [zips.take(name) for name in names]
    paces = [PACE_LEAST * 2, PACE_LEAST * 4, PACE_LEAST * 1.1, PACE_LEAST * 3]
    readers = [Reader(turn, pace) for turn, pace in zip(held, paces, strict=True)]
    for _ in range(3):
        with pytest.raises(TooManyError):
            zips.take("late")
        pass_time(now, TIME_SECONDS / 4, *readers)
        assert not any(reader.ended for reader in readers), "everybody has their time"
    pass_time(now, TIME_SECONDS / 4 + 1, *readers)
    with pytest.raises(TooManyError):
        zips.take("late")
    pass_time(now, 10, *readers)
    assert [reader.ended for reader in readers] == [False, False, True, False]
    for other in (names[2], "other"):
        with pytest.raises(TooManyError):
            zips.take(other)
    late = Reader(zips.take("late"), PACE_LEAST * 1.1)
    pass_time(now, WAIT_SECONDS + 1, *readers, late)
    assert not late.ended, "they have their time as well"


def test_who_got_another_turn_waits_for_none(tmp_path: Path, now: list[float]) -> None:
    """The one that they waited for goes on."""
    zips = Turns(tmp_path, "zip")
    readers = [
        Reader(zips.take(name), PACE_LEAST * pace) for name, pace in zip("abcd", (1.1, 2, 3, 4), strict=True)
    ]
    pass_time(now, TIME_SECONDS + 1, *readers)
    with pytest.raises(TooManyError):
        zips.take("late")
    readers[1].turn.give()
    late = Reader(zips.take("late"), PACE_LEAST * 2)
    pass_time(now, 30, readers[0], late)
    assert [reader.ended for reader in (readers[0], late)] == [False, False]


def test_whom_nobody_waits_for_reads_as_long_as_it_takes(tmp_path: Path, now: list[float]) -> None:
    """An honest slow reader, beside others who do; and where who waited does not come again."""
    zips = Turns(tmp_path, "zip")
    readers = [Reader(zips.take(name), PACE_LEAST * 1.1) for name in "abcd"]
    with pytest.raises(TooManyError):
        zips.take("gone")
    pass_time(now, 2 * TIME_SECONDS, *readers)
    assert not any(reader.ended for reader in readers)
    for reader in readers:
        reader.turn.give()
    zips.take("again").give()


def test_a_turn_is_kept_for_who_does_not_come_for_some_time_only(tmp_path: Path, now: list[float]) -> None:
    """Three minutes; and what was noted before the machine started anew, when clocks begin at nought, is nothing."""
    zips = Turns(tmp_path, "zip")
    readers = [Reader(zips.take(name), PACE_LEAST * 1.1) for name in "abcd"]
    pass_time(now, TIME_SECONDS + 1, *readers)
    with pytest.raises(TooManyError):
        zips.take("late")
    pass_time(now, 10, *readers)
    assert sum(reader.ended for reader in readers) == 1
    with pytest.raises(TooManyError):
        zips.take("other")
    clock, now[0] = now[0], 5.0
    zips.take("other").give()
    now[0] = clock
    pass_time(now, WAIT_SECONDS, *[reader for reader in readers if not reader.ended])
    zips.take("another").give()


def test_a_process_that_is_killed_gives_its_turns_back(tmp_path: Path) -> None:
    """However it ends."""
    text = (
        "import sys, time, pathlib; from watcher.web.http.turns import Turns; t = Turns(pathlib.Path(sys.argv[1]), 'zip');"
        " kept = [t.take('a'), t.take('a'), t.take('b'), t.take('d')]; print('taken', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", text, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        with pytest.raises(TooManyError):
            Turns(tmp_path, "zip").take("c")
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    Turns(tmp_path, "zip").take("c").give()


@pytest.mark.parametrize(("bytes_a_second", "whole"), [(16 << 10, False), (256 << 10, True)])
def test_who_reads_too_slowly_is_ended(bytes_a_second: int, whole: bool, tmp_path: Path, now: list[float]) -> None:
    """After the time that everybody has, and not who reads as a slow link does."""
    count, seen, began = 200, 0, now[0]

    def pieces() -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(PIECE)

    reading = Turns(tmp_path, "zip").take("me").paced(pieces())
    try:
        for piece in reading:
            seen += len(piece)
            now[0] += PIECE / bytes_a_second
    except TimeoutError:
        assert not whole
        assert now[0] - began <= 3 * turns.GRACE_SECONDS
    assert (seen == PIECE * count) == whole


def test_a_quick_start_is_soon_spent(tmp_path: Path, now: list[float]) -> None:
    """Who took a gigabyte at once cannot sit on the turn for hours; who waits for half a minute now and then can go on."""
    reading = Turns(tmp_path, "zip").take("me").paced(iter([bytes(1 << 20)] * 2000))
    for _ in range(1000):
        next(reading)
    for _ in range(10):
        now[0] += 30
        next(reading)
    now[0] += turns.AHEAD_SECONDS + 60
    with pytest.raises(TimeoutError):
        next(reading)
