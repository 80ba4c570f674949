"""Clips on file systems in user space: what is written behind them, and files that are numbered anew now and then."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.mounting import behind, sent_over_ssh
from tests.running import RunningUnit, running, wait_for

pytestmark = pytest.mark.slow

DROPS = int(os.environ.get("WATCHER_TEST_DROPS", "4"))
FORGET = Path("/proc/sys/vm/drop_caches")  # 2: the kernel forgets names and inodes, as when memory is short
SETTLE_SECONDS = 3.0
POLL = {"WATCHER_VIDEO__POLL_SECONDS": "1", "WATCHER_VIDEO__SETTLE_SECONDS": str(SETTLE_SECONDS)}


@contextlib.contextmanager
def forgetful() -> Iterator[None]:
    """A kernel that is short of memory."""
    ended = threading.Event()

    def forget() -> None:
        while not ended.wait(0.1):
            FORGET.write_text("2")

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def drop(unit: RunningUnit, folder: Path, samples: Path, number: int) -> str:
    key = f"gate/{number}.mp4"
    path = folder / key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
    return key


def test_what_is_written_behind_a_mount_is_found_by_polling(tmp_path: Path, samples: Path) -> None:
    """The kernel tells of nothing there, nor of who writes: half a file waits until it is whole."""
    folder = tmp_path / "unit"
    with behind(tmp_path / "disk", folder / "data" / "video"), running(folder, settings=POLL) as unit:
        assert b'"watching":"poll"' in (unit.data / "run" / "ingester.json").read_bytes()
        for number in range(DROPS):
            drop(unit, tmp_path / "disk" if number % 2 else unit.video, samples, number)
        wait_for(lambda: len(unit.clips()) == DROPS, what="every clip")
        data = clips.stamp((samples / "plain.mp4").read_bytes(), 99)
        with (tmp_path / "disk" / "gate" / "slow.mp4").open("wb", buffering=0) as file:
            late = False  # it was us who were quiet for so long
            for piece in range(4):
                written = time.monotonic()
                file.write(data[piece * len(data) // 4 : (piece + 1) * len(data) // 4])
                time.sleep(1.2)  # longer than a poll takes, shorter than it has to be quiet
                early = unit.clip("gate/slow.mp4")
                late = late or time.monotonic() - written >= SETTLE_SECONDS
                assert early is None or late
        assert unit.wait_clip("gate/slow.mp4")["state"] == "ready"


def test_files_that_are_numbered_anew_are_listed_and_removed(tmp_path: Path, samples: Path) -> None:
    """sshfs, where the kernel is short of memory: each look at a file tells another inode."""
    folder = tmp_path / "unit"
    (tmp_path / "camera").mkdir()
    with (
        sent_over_ssh(tmp_path / "camera", folder / "data" / "video"),
        running(folder, settings=POLL | {"WATCHER_RETENTION__BIN_DAYS": "0"}) as unit,
        forgetful(),
    ):
        keys = [drop(unit, tmp_path / "camera", samples, number) for number in range(DROPS)]
        wait_for(lambda: len(unit.clips(state="ready")) == len(keys), what="every clip")
        clip = unit.clip(keys[0])
        assert requests.delete(unit.url(clip["links"]["self"]), timeout=30).status_code == 204
        assert not (tmp_path / "camera" / keys[0]).exists(), "its file went with it"
        (tmp_path / "camera" / keys[1]).rename(tmp_path / "camera" / "gate" / "moved.mp4")
        moved = unit.wait_clip("gate/moved.mp4")
        assert [moved["key"], unit.clip(keys[0])] == ["gate/moved.mp4", None]
        time.sleep(3)
        assert unit.clip(keys[0]) is None, "and does not come back as another clip"
        assert len(unit.clips()) == len(keys) - 1
