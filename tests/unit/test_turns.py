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
from watcher.web.http.turns import Turns, give, paced


def test_one_reader_leaves_turns_for_others(tmp_path: Path) -> None:
    """Two of four; the third is refused, other readers are not; what was given back can be had again."""
    mine = [Turns(tmp_path, "zip").take("porch") for _ in range(2)]
    with pytest.raises(TooManyError):
        Turns(tmp_path, "zip").take("porch")
    others = [Turns(tmp_path, "zip").take(name) for name in ("gate", "yard")]
    with pytest.raises(TooManyError):
        Turns(tmp_path, "zip").take("attic")
    give(mine[0])
    give(Turns(tmp_path, "zip").take("attic"))
    give(mine[1])
    again = Turns(tmp_path, "zip").take("porch")
    with pytest.raises(TooManyError, match="other downloads"):
        Turns(tmp_path, "zip").take("porch")
    for turn in (again, *others):
        give(turn)


def test_two_readers_never_have_all_turns(tmp_path: Path) -> None:
    """A second turn is for whom it leaves two; one's first is always there to be had while one is free."""
    zips = Turns(tmp_path, "zip")
    kept = [zips.take("a"), zips.take("b")]
    with pytest.raises(TooManyError):
        zips.take("b")
    kept += [zips.take("c"), zips.take("d")]
    for turn in kept:
        give(turn)


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
    give(Turns(tmp_path, "zip").take("c"))


@pytest.mark.parametrize(("bytes_a_second", "whole"), [(16 << 10, False), (256 << 10, True)])
def test_who_reads_too_slowly_is_ended(bytes_a_second: int, whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that everybody has, and not who reads as a slow link does."""
    now = [0.0]
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    size, count, seen = 64 << 10, 200, 0

    def pieces() -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(size)

    reading = paced(pieces())
    try:
        for piece in reading:
            seen += len(piece)
            now[0] += size / bytes_a_second
    except TimeoutError:
        assert not whole
        assert now[0] <= 3 * turns.GRACE_SECONDS
    assert (seen == size * count) == whole


def test_a_quick_start_is_soon_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who took a gigabyte at once cannot sit on the turn for hours; who waits for half a minute now and then can go on."""
    now = [0.0]
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    reading = paced(iter([bytes(1 << 20)] * 2000))
    for _ in range(1000):
        next(reading)
    for _ in range(10):
        now[0] += 30
        next(reading)
    now[0] += turns.AHEAD_SECONDS + 60
    with pytest.raises(TimeoutError):
        next(reading)
