"""A running watcher over a real S3 server: clips move there while it is killed, play from there, and come back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_buckets import answers, tiered
from tests.integration.test_stores import address, ingester, leave, store_of
from tests.radosgw import KEY, SECRET, Radosgw
from tests.running import RunningUnit, wait_for
from watcher.model.errors import StoreAwayError

pytestmark = pytest.mark.ceph

CLIPS, KILLS = 40, 20
AWAY = "The store in which this clip lies is away\n"


def seconds_of(unit: RunningUnit, key: str) -> tuple[int, float]:
    """How a range is answered, and how soon."""
    began = time.monotonic()
    answer = requests.get(address(unit, key), headers={"Range": "bytes=0-99"}, timeout=60)
    return answer.status_code, time.monotonic() - began


def test_clips_move_play_and_come_back(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, cluster: Radosgw
) -> None:
    """SIGKILL of the ingester while they move; the server frozen and stopped; every byte is there at each moment."""
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    keys = [leave(unit, samples, number) for number in range(CLIPS)]
    young = leave(unit, samples, 99, days=0)
    plain = (samples / "plain.mp4").read_bytes()
    local = requests.get(address(unit, keys[0]), timeout=10).headers
    before = answers(unit, keys[0], local["ETag"], local["Last-Modified"])
    store = cluster.bucket(prefix="ä b/")
    tiered(
        unit,
        tmp_path,
        cluster.endpoint,
        store.bucket,
        keys=(KEY, SECRET),
        WATCHER_TIERING__MAX_BYTES_PER_SECOND="100000",
    )

    def plays(number: int) -> None:
        answer = requests.get(address(unit, keys[number]), timeout=30)
        assert (answer.status_code, answer.content) == (200, clips.stamp(plain, number))

    for number in range(KILLS):
        time.sleep(0.5 + number % 7 / 10)
        os.kill(wait_for(lambda: ingester(unit), what="the ingester"), signal.SIGKILL)
        for first in range(0, CLIPS, 5):
            plays((first + number) % CLIPS)
    wait_for(lambda: not any((unit.video / key).exists() for key in keys), what="the move of all", seconds=180)
    for number in range(CLIPS):
        plays(number)
    wait_for(lambda: all(store_of(unit, key) == "archive" for key in keys), what="the rows")
    assert sorted(stored.key for stored in store.list()) == sorted(keys)
    assert unit.run("scan").returncode == 0
    assert unit.run("check").returncode == 0
    for was, now in zip(before, answers(unit, keys[0], local["ETag"], local["Last-Modified"]), strict=True):
        assert now == was
    # Frozen: local clips play as ever, those in the bucket say so in time, and the page's lists go on.
    with cluster.frozen():
        status, took = seconds_of(unit, keys[1])
        assert (status, took < 30) == (503, True)
        assert [seconds_of(unit, young)[0] for _ in range(20)] == [206] * 20
        statuses = [requests.get(unit.url("/watcher/clips"), timeout=30).status_code for _ in range(5)]
        assert statuses == [200] * 5
        wait_for(lambda: "archive" in str(unit.clip(keys[1])), what="its reason", seconds=120)
        wait_for(lambda: (unit.clip(keys[1]) or {}).get("available") is False, what="its state", seconds=120)
    wait_for(lambda: seconds_of(unit, keys[1])[0] == 206, what="its return", seconds=120)
    # Stopped.
    cluster.kill()
    try:
        assert requests.get(address(unit, keys[2]), timeout=30).text == AWAY
        assert seconds_of(unit, young)[0] == 206
    finally:
        cluster.run_again()
    wait_for(lambda: readable(store.find, keys[2]), what="the object", seconds=120)
    plays(2)
    # Back.
    clip = unit.clip(keys[3])
    assert clip is not None
    assert requests.post(unit.url(f"/watcher/clips/{clip['id']}/recall"), timeout=10).status_code == 202
    wait_for(lambda: store_of(unit, keys[3]) == "local", what="its return", seconds=180)
    assert (unit.video / keys[3]).read_bytes() == clips.stamp(plain, 3)
    wait_for(lambda: store.find(keys[3]) is None, what="its object's end", seconds=90)
    plays(3)
    assert unit.run("check").returncode == 0
    store.close()


def readable(find: Callable[[str], object], key: str) -> bool:
    """Whether a server that was killed gives objects again."""
    try:
        return find(key) is not None
    except StoreAwayError:
        return False
