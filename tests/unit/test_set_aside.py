"""What ends a process, which file it had in hand, and that it is not read a third time; the log, the root, the watch."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from watcher.catalog import Catalog
from watcher.ingest import in_hand
from watcher.ingest.bind import bind
from watcher.ingest.in_hand import Ended, InHand
from watcher.ingest.set_aside import Aside
from watcher.ingester import events
from watcher.ingester.events import Watch
from watcher.model.clip import Fingerprint
from watcher.naming.ignore import Ignoring
from watcher.ops.logs import LogFile
from watcher.storage.video_root import VideoRoot

DIE = """
import os, signal, sys
from pathlib import Path
from watcher.ingest.in_hand import InHand
hand = InHand(Path(sys.argv[1]), "it")
hand.open()
hand.take("a/1.mp4", 17, 4)
if sys.argv[2] == "done":
    hand.drop()
os.kill(os.getpid(), int(sys.argv[3]))
"""


def die(folder: Path, number: int, what: str = "reading") -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DIE, str(folder), what, str(int(number))], stderr=subprocess.DEVNULL
    )
    assert ended.returncode == -number


def last(folder: Path) -> Ended | None:
    """How the last one ended."""
    hand = InHand(folder, "it")
    ended = hand.open()
    hand.close()
    return ended


@pytest.fixture
def quiet_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own process leaves pytest's fault handler alone."""
    monkeypatch.setattr(InHand, "_note_faults", lambda _self: None)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGXCPU])
def test_a_fault_is_held_against_the_file_in_hand(tmp_path: Path, quiet_faults: None, number: int) -> None:
    die(tmp_path, number)
    ended = last(tmp_path)
    assert ended is not None
    assert (ended.key, ended.size_bytes, ended.mtime_ns) == ("a/1.mp4", 17, 4)
    assert ended.why


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_or_a_stop_is_not(tmp_path: Path, quiet_faults: None, number: int) -> None:
    die(tmp_path, number)
    ended = last(tmp_path)
    assert ended is not None
    assert ended.why is None


def test_a_kill_for_want_of_memory_is_and_a_power_cut_is_not(
    tmp_path: Path, quiet_faults: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(tmp_path, signal.SIGKILL)
    monkeypatch.setattr(in_hand, "_killed", lambda: [None, 1 << 40])
    shutil.copytree(tmp_path, tmp_path / "other")
    ended = last(tmp_path)
    assert ended is not None
    assert ended.why == "out of memory"
    monkeypatch.setattr(in_hand, "_boot_id", lambda: "another")
    ended = last(tmp_path / "other")
    assert ended is not None
    assert ended.why is None


def test_nothing_in_hand_is_nobody_s_fault(tmp_path: Path, quiet_faults: None) -> None:
    die(tmp_path, signal.SIGSEGV, "done")
    assert last(tmp_path) is None


def test_twice_is_enough_until_it_changes_or_after_an_upgrade(
    tmp_path: Path, quiet_faults: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = Fingerprint(17, 4)
    for expected in (False, True):
        die(tmp_path, signal.SIGSEGV)
        aside = Aside(tmp_path, "it")
        assert aside.open() == []
        assert (aside.why("a/1.mp4", fingerprint) is not None) is expected
        aside.close()
    assert "segmentation fault" in (aside.why("a/1.mp4", fingerprint) or "")
    assert aside.why("a/1.mp4", Fingerprint(18, 4)) is None
    monkeypatch.setattr("watcher.ingest.set_aside.VERSION", "99")
    newer = Aside(tmp_path, "it")
    assert newer.open() == ["a/1.mp4"]
    assert newer.why("a/1.mp4", fingerprint) is None
    newer.close()


def test_noting_the_file_in_hand_takes_no_system_call(tmp_path: Path, quiet_faults: None) -> None:
    """Two copies of some bytes: a thousand of them cost next to nothing."""
    hand = InHand(tmp_path, "it")
    hand.open()
    began = time.process_time()
    for _ in range(1000):
        hand.take("a/1.mp4", 17, 4)
        hand.drop()
    assert time.process_time() - began < 0.5
    hand.close()


# — the log —


def test_a_removed_log_folder_costs_the_log_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is raised, and the file is there again as soon as it can be; also at a start without it."""
    folder = tmp_path / "gone" / "log"
    handler = LogFile(str(folder / "ingest.log"))
    record = logging.LogRecord("watcher", logging.INFO, "", 0, "hello %s", ("you",), None)
    for _ in range(2):
        handler.emit(record)
    assert capsys.readouterr().err.count("cannot be written") == 1
    folder.parent.mkdir()
    handler.emit(record)
    assert (folder / "ingest.log").read_text() == "hello you\n"
    shutil.rmtree(folder)
    handler.emit(record)
    assert (folder / "ingest.log").read_text() == "hello you\n"
    (folder / "ingest.log").rename(folder / "old.log")
    handler.emit(record)
    assert (folder / "ingest.log").read_text() == "hello you\n"
    handler.close()


# — the root —


def root_of(folder: Path) -> VideoRoot:
    folder.mkdir(exist_ok=True)
    return VideoRoot(folder, Ignoring())


def filled(root: VideoRoot, catalog: Catalog, count: int) -> None:
    from tests.builders import START, probed

    batch = []
    for number in range(count):
        (root.folder / f"{number}.mp4").write_bytes(bytes(number + 1))
        look = root.look(f"{number}.mp4")
        assert look is not None
        batch.append(
            probed(f"{number}.mp4", number, digest=str(number), inode=look.inode, fingerprint=look.fingerprint)
        )
    catalog.writes.put(batch, now=START)


def test_whoever_comes_first_binds_the_root(catalog: Catalog, tmp_path: Path) -> None:
    root = root_of(tmp_path / "video")
    assert bind(root, catalog, tmp_path) == root.marker() == bind(root, catalog, tmp_path)


def test_a_clip_that_was_catalogued_before_the_marker_heals(catalog: Catalog, tmp_path: Path) -> None:
    """An older watcher left it so: all of its clips lie there, so it is its root."""
    root = root_of(tmp_path / "video")
    filled(root, catalog, 20)
    (root.folder / "3.mp4").unlink()
    assert root.marker() is None
    assert bind(root, catalog, tmp_path) == root.marker()


@pytest.mark.parametrize("left", [0, 1, 10])
def test_an_unmounted_or_foreign_folder_is_never_bound(catalog: Catalog, tmp_path: Path, left: int) -> None:
    root = root_of(tmp_path / "video")
    filled(root, catalog, 20)
    for path in sorted(root.folder.iterdir())[left:]:
        path.unlink()
    bind(root, catalog, tmp_path)
    assert root.marker() is None


# — the watch —


def test_a_linked_root_is_the_folder_itself(tmp_path: Path) -> None:
    """It is watched natively, and its files have the keys that they have there."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "video").symlink_to(tmp_path / "disk")
    root = VideoRoot(tmp_path / "video", Ignoring())
    hints: events.queue.SimpleQueue[events.Hint] = events.queue.SimpleQueue()
    watch = Watch(root, hints)
    assert watch.start() is None
    try:
        (tmp_path / "disk" / "1.mp4").write_bytes(b"x")
        seen = [hints.get(timeout=10)]
        while seen[-1].key != "1.mp4":
            seen.append(hints.get(timeout=10))
    finally:
        watch.stop()


def test_folders_beyond_the_limit_are_known_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says ENOSPC of ten of twenty; when it says it no more, all are watched."""
    root = root_of(tmp_path / "video")
    for number in range(20):
        (root.folder / f"cam{number:02}" / "day").mkdir(parents=True)
    from watchdog.observers.inotify_c import InotifyFD

    real, full = InotifyFD.add_callback, True

    def add(self: InotifyFD, path: bytes, *more: object) -> int:
        if full and b"cam1" in path:
            raise OSError(28, "No space left on device")
        return real(self, path, *more)

    monkeypatch.setattr(InotifyFD, "add_callback", add)
    watch = Watch(root, events.queue.SimpleQueue())
    assert watch.start() is None
    try:
        folders, warning = watch.unwatched()
        assert folders == [f"cam{number}/" for number in range(10, 20)]
        assert warning is not None
        assert warning.startswith("20 of 41 folders are not watched")
        full = False
        watch.unwatched()
        assert watch.unwatched() == ([], None)
    finally:
        watch.stop()


def test_a_moved_in_folder_is_one_hint(tmp_path: Path) -> None:
    """And not one for each of its files, which would keep those of live clips waiting."""
    root = root_of(tmp_path / "video")
    (tmp_path / "many").mkdir()
    for number in range(300):
        (tmp_path / "many" / f"{number}.mp4").touch()
    hints: events.queue.SimpleQueue[events.Hint] = events.queue.SimpleQueue()
    watch = Watch(root, hints)
    assert watch.start() is None
    try:
        (tmp_path / "many").rename(root.folder / "many")
        (root.folder / "last.mp4").touch()
        seen = [hints.get(timeout=10)]
        while seen[-1].key != "last.mp4":
            seen.append(hints.get(timeout=10))
    finally:
        watch.stop()
    assert events.Hint("folder", "many/") in seen
    assert len(seen) < 20
