"""A collection that is moved in: newest first, with progress, resumable, and without slowing live clips."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests import clips
from tests.running import RunningUnit, wait_for

COUNT = 5000
FIRST = datetime(2025, 1, 1)  # noqa: DTZ001 - a camera's own clock


def year(folder: Path, data: bytes, count: int) -> list[Path]:
    """Clips of four cameras through a year, by their names; their own times tell nothing."""
    paths = []
    for number in range(count):
        at = FIRST + timedelta(minutes=number * 365 * 1440 // count)
        path = folder / f"cam{number % 4}" / f"{at:%Y-%m-%d}" / f"{at:%H-%M-%S}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(data, number))
        paths.append(path)
    return paths


def order(data: Path) -> list[str]:
    """The starts of catalogued clips in the order in which they were catalogued."""
    with sqlite3.connect(f"file:{data}/catalog.db?mode=ro", uri=True) as connection:
        return [row[0] for row in connection.execute("SELECT started_ms FROM clips ORDER BY id")]


@pytest.mark.slow
def test_a_scan_catalogues_the_newest_first_and_goes_on_after_a_kill(tmp_path: Path, samples: Path) -> None:
    """`kill -9` half-way costs nothing: the next run takes up what is left, and each clip is there once."""
    unit = RunningUnit(tmp_path / "unit")  # never started: a scan needs no service
    data = (samples / "plain.mp4").read_bytes()
    year(unit.video, data, COUNT)
    scan = subprocess.Popen(
        [*unit.command("scan"), "--data", str(unit.data)],
        env=unit.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (unit.data / "catalog.db").exists() and len(half := _order(unit.data)) > 400 and half)
    scan.send_signal(signal.SIGKILL)
    scan.wait()
    half = order(unit.data)
    assert 0 < len(half) < COUNT
    assert half == sorted(half, reverse=True)
    assert not list((unit.data / "run").glob("worklist*"))

    rest = unit.run("scan")
    assert f"{COUNT:,} files: {COUNT - len(half):,} catalogued" in rest.stdout
    whole = order(unit.data)
    assert whole == sorted(whole, reverse=True)
    assert len(set(whole)) == COUNT


def _order(data: Path) -> list[str]:
    try:
        return order(data)
    except sqlite3.OperationalError:  # not migrated yet
        return []


@pytest.mark.slow
def test_a_scan_shows_its_progress_on_a_terminal(tmp_path: Path, samples: Path) -> None:
    """A bar with a rate and the time left; the sum at the end is all that stays."""
    unit = RunningUnit(tmp_path / "unit")
    year(unit.video, (samples / "plain.mp4").read_bytes(), 8000)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 100, 0, 0))
    scan = subprocess.Popen(
        [*unit.command("scan"), "--data", str(unit.data)], env=unit.environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert scan.wait() == 0
    text = shown.decode()
    assert re.search(r"reading, newest first: +\d+%\|.* \d[\d.]*k?/8\.00k \[.*<.*files/s\]", text), text[-2000:]
    assert text.rstrip().endswith("8,000 files: 8,000 catalogued, 0 still settling, 0 missing")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["moved", "copied"])
def test_live_clips_are_listed_at_once_while_a_year_is_moved_in(
    way: str, start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Newest first, told in the log; the live ones do not wait for the others, which takes seconds."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    data = (samples / "plain.mp4").read_bytes()
    outside = unit.data / "outside"
    year(outside, data, 20_000)
    (unit.video / "live").mkdir()
    if way == "moved":
        outside.rename(unit.video / "archive")
        copying = None
    else:
        copying = subprocess.Popen(["cp", "-r", str(outside), str(unit.video / "archive")])
    took, began = [], time.monotonic()

    def adopted() -> int:
        return sum(
            camera["clips"]
            for camera in unit.get("/watcher/cameras").json()["cameras"]
            if "cam" in camera["camera"] or camera["camera"] == "archive"
        )

    number = 0
    while adopted() < 20_000:
        number += 1
        key = f"live/{number}.mp4"
        (unit.video / key).write_bytes(clips.stamp(data, 1_000_000 + number))
        closed = time.monotonic()
        wait_for(lambda key=key: unit.clip(key), what=key)
        took.append(time.monotonic() - closed)
    lasted = time.monotonic() - began
    if copying is not None:
        assert copying.wait() == 0
    shutil.rmtree(outside, ignore_errors=True)
    assert len(took) > 10
    most = statistics.quantiles(took, n=20)[18]
    print(f"{way}: {len(took)} live clips, 95 % within {most:.3f} s; the others took {lasted:.1f} s")
    # A quarter of a second on an idle machine (it prints); on a busy one it may wait for a fifteenth of the others.
    assert most <= max(0.75, lasted / 15), sorted(took)
    if way == "moved":
        with sqlite3.connect(unit.data / "catalog.db") as connection:
            starts = [
                row[0]
                for row in connection.execute("SELECT started_ms FROM clips WHERE camera <> 'live' ORDER BY id")
            ]
        # The first thousand are read as their events come, until it is clear that there is a crowd of them.
        day = 86400 * 1000
        assert statistics.mean(starts[1500:6500]) > statistics.mean(starts[-5000:]) + 100 * day
