"""Thousands at once, kills in the middle of it, and an ingester that loses its events, its root or its marker."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import clips
from tests.mounting import OWN_FILES_ONLY, give_away
from tests.running import RunningUnit, running, wait_for

NO_POSTERS = {"WATCHER_RENDER__WORKERS": "0"}
POLLED_SECONDS = 3.0  # for which a file is quiet before it is looked at, where nobody tells who writes


def on_disk(unit: RunningUnit) -> list[str]:
    return sorted(str(path.relative_to(unit.video)) for path in unit.video.rglob("*.mp4"))


def in_catalog(unit: RunningUnit) -> list[str]:
    """The listed keys, read from the database itself: a double would show."""
    with sqlite3.connect(unit.data / "catalog.db") as connection:
        return sorted(row[0] for row in connection.execute("SELECT key FROM clips WHERE listed = 1"))


SLOWLY = "test_a_minute_of_slow_writing_lists_nothing_early"


@pytest.fixture(scope="module", autouse=True)
def written_slowly(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, samples: Path
) -> Iterator[Future[None] | None]:
    """What takes a minute is begun before the other tests of this module, and looked at after them."""
    if all(item.name != SLOWLY for item in request.session.items):
        yield None
        return
    with running(tmp_path_factory.mktemp("slowly")) as unit, ThreadPoolExecutor(1) as pool:
        yield pool.submit(write_slowly, unit)


def write_slowly(unit: RunningUnit) -> None:
    data = clips.make(unit.folder / "long.mp4", seconds=20, fragmented=True).read_bytes()
    cuts = [start for kind, start, _ in clips.boxes(data) if kind == b"moof"]
    pieces = list(zip([0, *cuts], [*cuts, len(data)], strict=True))
    until = time.monotonic() + 60
    with (unit.video / "slow.mp4").open("wb") as file:
        for number, (start, end) in enumerate(pieces):
            file.write(data[start:end])
            file.flush()
            pause = (until - time.monotonic()) / (len(pieces) - number)
            time.sleep(max(0, pause))
            assert unit.clip("slow.mp4") is None
    assert unit.wait_clip("slow.mp4")["duration_seconds"] == pytest.approx(20, abs=0.1)


@pytest.mark.slow
def test_ten_thousand_at_once_are_each_listed_once(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Written, renamed in, and as whole folders moved in: every one, exactly once, and quickly."""
    unit = start_unit(settings=NO_POSTERS)
    data = (samples / "plain.mp4").read_bytes()
    outside = unit.data / "outside"
    for number in range(20):
        (outside / f"moved{number}").mkdir(parents=True)
        (unit.video / f"in{number}").mkdir()
    for number in range(10_000):
        (outside / f"moved{number % 20}" / f"{number}.mp4").write_bytes(clips.stamp(data, number))
        (outside / f"{number}.mp4").write_bytes(clips.stamp(data, 10_000 + number))

    def write() -> None:
        for number in range(10_000):
            (unit.video / f"in{number % 20}" / f"w{number}.mp4").write_bytes(clips.stamp(data, 20_000 + number))

    def rename() -> None:
        for number in range(10_000):
            (outside / f"{number}.mp4").rename(unit.video / f"in{number % 20}" / f"r{number}.mp4")

    threads = [threading.Thread(target=write), threading.Thread(target=rename)]
    for thread in threads:
        thread.start()
    for number in range(20):
        (outside / f"moved{number}").rename(unit.video / f"moved{number}")
    for thread in threads:
        thread.join()
    expected = on_disk(unit)
    assert len(expected) == 30_000
    wait_for(lambda: in_catalog(unit) == expected, seconds=300, what="30,000 clips")
    assert unit.run("check").returncode == 0


@pytest.mark.slow
def test_kill_nine_again_and_again_in_a_burst(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """The ingester dies at random moments while files come, change, move and go; at last the catalog is the disk."""
    unit = start_unit(settings=NO_POSTERS)
    data = (samples / "plain.mp4").read_bytes()
    chance = random.Random(50)
    done = threading.Event()

    def cameras() -> None:
        number = 0
        names: list[Path] = []
        while not done.is_set():
            number += 1
            path = unit.video / f"c{number % 7}" / f"{number // 200}" / f"{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clips.stamp(data, number))
            names.append(path)
            if number % 11 == 0:
                moved = names.pop(chance.randrange(len(names)))
                moved.rename(moved.with_name(f"moved-{moved.name}"))
            if number % 37 == 0:
                names.pop(chance.randrange(len(names))).unlink()
            time.sleep(0.004)

    writing = threading.Thread(target=cameras)
    writing.start()
    kills = 0
    try:
        while kills < 25:
            time.sleep(chance.uniform(0.0, 0.5))
            try:
                os.kill(unit.ingester(), signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                continue
    finally:
        done.set()
        writing.join()
    expected = on_disk(unit)
    wait_for(lambda: in_catalog(unit) == expected, seconds=120, what="a catalog equal to the disk")
    with sqlite3.connect(unit.data / "catalog.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    wait_for(lambda: unit.problems() == {}, what="a service without problems")
    assert len(expected) > 500


@pytest.mark.slow
def test_a_lost_event_queue_is_made_up_by_a_scan(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """The ingester is stopped until the kernel's queue of 16,384 events has overflowed."""
    unit = start_unit(settings=NO_POSTERS)
    data = (samples / "plain.mp4").read_bytes()
    clips.leave(unit.video / "flood" / "first.mp4", clips.stamp(data, 10**6))
    unit.wait_clip("flood/first.mp4")  # the folder is watched
    pid = unit.ingester()
    os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 2 + 2000):
            (unit.video / "flood" / f"{number}.mp4").write_bytes(clips.stamp(data, number))
    finally:
        os.kill(pid, signal.SIGCONT)
    expected = on_disk(unit)
    wait_for(lambda: in_catalog(unit) == expected, seconds=120, what="every clip")
    assert "events were lost" in unit.logged()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["marker removed", "another marker", "root emptied", "root unmounted"])
def test_nothing_is_lost_when_the_root_is_not_what_it_was(
    start_unit: Callable[..., RunningUnit], samples: Path, how: str
) -> None:
    """No clip is marked missing, readyz and the log say what is wrong, and all is well when the root is back."""
    unit = start_unit()
    data = (samples / "plain.mp4").read_bytes()
    for number in range(30):
        (unit.video / f"{number}.mp4").write_bytes(clips.stamp(data, number))
    wait_for(lambda: len(unit.clips()) == 30, what="30 clips")
    marker = (unit.video / ".watcher").read_text()
    away = unit.data / "away"
    if how == "marker removed":
        (unit.video / ".watcher").unlink()
        (unit.video / "5.mp4").rename(unit.data / "5.mp4")
    elif how == "another marker":
        (unit.video / ".watcher").write_text("This folder is the video root of watcher catalog 0123\n")
        (unit.video / "5.mp4").rename(unit.data / "5.mp4")
    elif how == "root emptied":
        shutil.copytree(unit.video, away)
        for path in unit.video.glob("*.mp4"):
            path.unlink()
    else:
        unit.video.rename(away)
        unit.video.mkdir()  # the empty mount point
    wait_for(lambda: unit.problems().keys() & {"marker", "missing"}, what="a problem in readyz")
    assert any(
        words in unit.logged() for words in ("no marker", "another catalog", "gone from disk at once", "is gone")
    )
    time.sleep(2)
    states = {clip["state"] for clip in unit.clips(state=["ready", "missing"])}
    if how != "root emptied":  # there, the first few may have been told of one by one
        assert states == {"ready"}
    assert len(unit.clips(state=["ready", "missing"])) == 30
    assert len(unit.clips(state="missing")) <= 10
    scan = unit.run("scan")
    # Where 29 of 30 clips lie as they are catalogued, the folder is the right one, whoever removed its marker.
    assert scan.returncode == (0 if how == "marker removed" else 1), scan.stdout

    if how == "root emptied":
        for path in away.glob("*.mp4"):
            shutil.copy2(path, unit.video)
    elif how == "root unmounted":
        unit.video.rmdir() if not list(unit.video.iterdir()) else shutil.rmtree(unit.video)
        away.rename(unit.video)
    else:
        (unit.data / "5.mp4").rename(unit.video / "5.mp4")
        (unit.video / ".watcher").write_text(marker)
    wait_for(lambda: len(unit.clips(state="ready")) == 30, what="30 clips again")
    unit.run("scan")
    wait_for(lambda: unit.problems() == {}, seconds=180, what="a service without problems")


@pytest.mark.slow
def test_removing_many_on_purpose_is_accepted_by_name(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """`watcher scan --accept-missing` says that it was meant; `--accept-root` gives a new marker."""
    unit = start_unit()
    data = (samples / "plain.mp4").read_bytes()
    for number in range(30):
        (unit.video / f"{number}.mp4").write_bytes(clips.stamp(data, number))
    wait_for(lambda: len(unit.clips()) == 30, what="30 clips")
    for path in unit.video.iterdir():
        path.unlink()
    wait_for(unit.problems, what="a problem")
    assert "watcher scan --accept-root" in unit.run("scan", "--accept-missing").stdout
    scan = unit.run("scan", "--accept-missing", "--accept-root")
    assert scan.returncode == 0, scan.stdout
    assert unit.clips() == []
    assert len(unit.clips(state="missing")) == 30


@pytest.mark.slow
def test_polling_finds_the_same(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Where events do not arrive: new, slowly written, renamed and removed files, by scans alone."""
    settings = {
        "WATCHER_VIDEO__WATCH": "poll",
        "WATCHER_VIDEO__POLL_SECONDS": "0.3",
        "WATCHER_VIDEO__SETTLE_SECONDS": str(POLLED_SECONDS),
    }
    unit = start_unit(settings=settings)
    data = (samples / "plain.mp4").read_bytes()
    piece, late = len(data) // 8 + 1, False  # late: it was us who were quiet for so long
    with (unit.video / "slow.mp4").open("wb") as file:
        for start in range(0, len(data), piece):
            written = time.monotonic()
            file.write(data[start : start + piece])
            file.flush()
            time.sleep(0.5)
            early = unit.clip("slow.mp4")
            late = late or time.monotonic() - written >= POLLED_SECONDS
            assert early is None or late
    first = unit.wait_clip("slow.mp4", state="ready")
    (unit.video / "slow.mp4").rename(unit.video / "renamed.mp4")
    assert unit.wait_clip("renamed.mp4")["id"] == first["id"]
    (unit.video / "renamed.mp4").unlink()
    unit.wait_clip("renamed.mp4", state="missing")


@pytest.mark.slow
def test_a_removed_and_remade_root_is_watched_again(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """The watch of a removed folder is dead without a word; its health is looked at."""
    unit = start_unit()
    marker = (unit.video / ".watcher").read_bytes()
    shutil.rmtree(unit.video)
    time.sleep(1.5)
    unit.video.mkdir()
    (unit.video / ".watcher").write_bytes(marker)
    shutil.copy(samples / "plain.mp4", unit.video / "after.mp4")
    unit.wait_clip("after.mp4", state="ready")
    wait_for(lambda: unit.logged().count("beginning anew"), what="the new watch")
    shutil.copy(samples / "faststart.mp4", unit.video / "later.mp4")
    unit.wait_clip("later.mp4", state="ready")


@pytest.mark.slow
def test_a_locked_catalog_does_not_end_the_ingester(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """While nothing can be written readyz says so; what came meanwhile is found afterwards."""
    unit = start_unit()
    shutil.copy(samples / "plain.mp4", unit.video / "before.mp4")
    unit.wait_clip("before.mp4")
    database = unit.data / "catalog.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")  # for longer than a writer waits
        shutil.copy(samples / "faststart.mp4", unit.video / "during.mp4")
        wait_for(lambda: "ingest" in unit.problems(), seconds=90, what="the problem")
        pid = unit.ingester()
        connection.execute("ROLLBACK")
    unit.wait_clip("during.mp4", state="ready")
    wait_for(lambda: unit.problems() == {}, what="a service without problems")
    assert unit.ingester() == pid


@pytest.mark.slow
def test_a_minute_of_slow_writing_lists_nothing_early(written_slowly: Future[None]) -> None:
    """A file under its final name, a piece every second for a minute, in a fragmented form that is always whole."""
    written_slowly.result()


@pytest.mark.slow
def test_what_a_crash_left_of_a_copy_goes_after_a_day(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Where files cannot be without a name one is copied under a hidden one; a copy that is still written stays."""
    unit = start_unit()
    (unit.video / "porch").mkdir()
    left, written = (unit.video / "porch" / f".watcher-copy-{number:016x}.tmp" for number in (1, 2))
    for path in (left, written):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 100_000,) * 2)
    unit.stop()
    (unit.video / "porch" / "1.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    unit.start()
    unit.wait_clip("porch/1.mp4")
    wait_for(lambda: not left.exists(), what="its end")
    assert written.exists()


@pytest.mark.slow
def test_a_folder_that_is_opened_later_is_watched_then(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """It was closed to us when the watch began: what is in it is found when it is opened, and so is what comes after."""
    give_away()
    unit = start_unit(within=OWN_FILES_ONLY)
    unit.stop()
    data = (samples / "plain.mp4").read_bytes()
    folder = unit.video / "porch" / "day"
    folder.mkdir(parents=True)
    (folder / "1.mp4").write_bytes(data)
    give_away(folder, folder.parent)
    folder.parent.chmod(0o700)
    unit.start()
    assert unit.clips() == []
    assert "watches" not in unit.get("/watcher/readyz").json().get("warnings", {}), "more of them would not help"
    folder.parent.chmod(0o755)
    unit.wait_clip("porch/day/1.mp4", seconds=120)
    (folder / "2.mp4").write_bytes(clips.stamp(data, 2))
    (folder / "2.mp4").chmod(0o644)
    unit.wait_clip("porch/day/2.mp4")
