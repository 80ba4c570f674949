"""Clips that somebody gives up: gone at once from lists and disk, told of in the feed, never by accident."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for


def leave(unit: RunningUnit, samples: Path, key: str, number: int) -> dict:
    """A clip of its own content, once it is listed and has its pictures."""
    clips.leave(unit.video / key, clips.stamp((samples / "plain.mp4").read_bytes(), number))
    return unit.wait_pictured(key)


def test_a_retired_clip_is_gone_from_disk_lists_and_pages(unit: RunningUnit, samples: Path) -> None:
    """File, poster and address; the feed tells of it, and the same name is a new clip afterwards."""
    clip = leave(unit, samples, "bin/1.mp4", 1)
    address = unit.url(clip["links"]["self"])
    requests.put(f"{address}/labels/cat", timeout=10)
    held = requests.patch(address, json={"held": True}, timeout=10)
    refused = requests.delete(address, timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (409, "held")
    requests.patch(address, json={"held": False}, timeout=10)
    stale = requests.delete(address, headers={"If-Match": held.headers["ETag"]}, timeout=10)
    assert (stale.status_code, stale.json()["code"]) == (412, "changed")
    assert unit.get(clip["url"]).status_code == 200

    head = unit.get("/watcher/changes/head").json()["head"]
    assert requests.delete(address, timeout=10).status_code == 204
    assert requests.delete(address, timeout=10).status_code == 204
    assert unit.get(clip["url"]).status_code == 404
    assert unit.get(clip["poster_url"]).status_code == 404
    assert not (unit.video / "bin" / "1.mp4").exists()
    assert unit.clip("bin/1.mp4") is None
    assert unit.clips(camera="bin") == []
    assert unit.clips(q="bin cat") == []
    assert [c["key"] for c in unit.clips(state="retired")] == ["bin/1.mp4"]
    assert requests.get(address, timeout=10).json()["state"] == "retired"
    changes = unit.get(f"/watcher/changes?since={head}").json()["changes"]
    assert [(c["clip"]["id"], c["clip"]["state"]) for c in changes] == [(clip["id"], "retired")]
    assert requests.delete(unit.url("/watcher/clips/99999"), timeout=10).status_code == 404

    again = leave(unit, samples, "bin/1.mp4", 2)
    assert again["id"] != clip["id"]
    assert again["labels"] == []
    back = leave(unit, samples, "bin/2.mp4", 1)  # the retired bytes, from a backup: a clip, and not that one
    assert back["id"] not in {clip["id"], again["id"]}


@pytest.mark.slow
def test_another_file_of_that_name_is_not_removed(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """What took the name meanwhile is nobody's to remove: it becomes a clip of its own."""
    unit = start_unit(settings={"WATCHER_VIDEO__WATCH": "poll", "WATCHER_VIDEO__POLL_SECONDS": "1"})
    clip = leave(unit, samples, "a.mp4", 1)
    other = clips.stamp((samples / "plain.mp4").read_bytes(), 9)
    (unit.video / "new.part").write_bytes(other)
    os.utime(unit.video / "new.part", ns=(0, 10**18))
    ingester = unit.ingester()
    os.kill(ingester, signal.SIGSTOP)  # it has not looked meanwhile
    (unit.video / "new.part").rename(unit.video / "a.mp4")
    assert requests.delete(unit.url(clip["links"]["self"]), timeout=30).status_code == 204
    assert (unit.video / "a.mp4").read_bytes() == other
    os.kill(ingester, signal.SIGCONT)
    fresh = wait_for(lambda: unit.clip("a.mp4"), what="the other clip")
    assert fresh["id"] != clip["id"]


@pytest.mark.slow
def test_a_removal_that_was_cut_off_is_finished(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """The row said so and the file was still there when the power went; but not while the disk is away."""
    unit = start_unit()
    clip = leave(unit, samples, "cut.mp4", 1)
    other = leave(unit, samples, "kept.mp4", 2)
    unit.stop()
    with sqlite3.connect(unit.data / "catalog.db") as catalog:
        catalog.execute("UPDATE clips SET state = 'retired', listed = 0 WHERE id = ?", (clip["id"],))
    catalog.close()
    away = unit.video.rename(unit.data / "away")
    unit.video.mkdir()  # what is there while the disk is not
    assert unit.run("scan").returncode == 1
    assert sqlite_key(unit, clip["id"]) == "cut.mp4"
    unit.video.rmdir()
    away.rename(unit.video)
    unit.start()
    wait_for(lambda: not (unit.video / "cut.mp4").exists(), what="the end of the removal")
    wait_for(lambda: sqlite_key(unit, clip["id"]) == f"/{clip['id']}/cut.mp4", what="a free key")
    assert unit.get(clip["poster_url"]).status_code == 404
    assert unit.get(other["url"]).status_code == 200
    assert [c["key"] for c in unit.clips()] == ["kept.mp4"]


def sqlite_key(unit: RunningUnit, clip_id: int) -> str:
    """The key as the row has it."""
    catalog = sqlite3.connect(unit.data / "catalog.db", timeout=30)
    try:
        return catalog.execute("SELECT key FROM clips WHERE id = ?", (clip_id,)).fetchone()[0]
    finally:
        catalog.close()
