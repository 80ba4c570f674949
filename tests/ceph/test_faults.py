"""Faults of a real S3 server beside a running watcher: no clip is lost, local ones play, and words say what it is."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.clock import Clock
from tests.integration.test_buckets import tiered
from tests.integration.test_stores import address, ingester, leave, store_of
from tests.radosgw import Radosgw
from tests.running import RunningUnit, wait_for
from tests.throttling import throttled
from watcher.stores.s3 import S3

pytestmark = pytest.mark.ceph

AWAY = "The store in which this clip lies is away\n"
SPRITELESS = {"WATCHER_RENDER__SPRITES": "false"}


class House:
    """A watcher with a bucket of a user of its own, clips that are to go there, and one that stays."""

    def __init__(
        self, unit: RunningUnit, samples: Path, cluster: Radosgw, *, objects: int | None = None, more: int = 0
    ) -> None:
        """`objects`: how many the bucket may have; `more`: bytes that each clip has beside."""
        self.unit, self._samples, self._more = unit, samples, more
        name = f"user{unit.port}"
        self.user, self.keys = name, (f"{name}KEY", f"{name}secret")
        cluster.user(name, *self.keys, objects=objects)
        self.store: S3 = cluster.bucket(prefix="ä b/", key=self.keys[0], secret=self.keys[1])
        self.old = [self._leave(number) for number in range(3)]
        self.young = self._leave(9, days=0)

    def _leave(self, number: int, days: float = 9) -> str:
        """A clip, made longer before anybody looks."""
        key = leave(self.unit, self._samples, number, days=days)
        if self._more:
            path = self.unit.video / key
            filler = (self._more + 8).to_bytes(4, "big") + b"free" + clips.noise(self._more)
            at = path.stat().st_mtime
            with path.open("ab") as file:
                file.write(filler)
            os.utime(path, (at, at))
            self.unit.wait_clip(key, state="ready", size_bytes=path.stat().st_size)
        return key

    def archive(self, tmp_path: Path, endpoint: str, **settings: str) -> dict[str, bytes]:
        """Start with the bucket; the bytes of each clip."""
        contents = {key: (self.unit.video / key).read_bytes() for key in (*self.old, self.young)}
        tiered(self.unit, tmp_path, endpoint, self.store.bucket, keys=self.keys, **settings)
        return contents

    def moved(self) -> list[str]:
        """Clips whose file has gone to the bucket."""
        return [key for key in self.old if not (self.unit.video / key).exists()]

    def get(self, key: str) -> requests.Response:
        return requests.get(address(self.unit, key), timeout=60)

    def words(self) -> str:
        """What the log says of the store."""
        return self.unit.logged()

    def warning(self) -> str:
        """What readyz says of stores, to who may know all."""
        return str(self.unit.get("/watcher/readyz").json().get("warnings", {}).get("stores"))

    def retry(self) -> None:
        """Have the ingester ask the store at once, rather than in a minute."""
        os.kill(wait_for(lambda: ingester(self.unit), what="the ingester"), signal.SIGKILL)

    def check(self, contents: dict[str, bytes]) -> None:
        """All has gone where it is to go, plays as it did, and `check` finds nothing."""
        wait_for(lambda: self.moved() == self.old, seconds=120, what="the move of all")
        wait_for(lambda: {store_of(self.unit, key) for key in self.old} == {"archive"}, what="the rows")
        for key, data in contents.items():
            wait_for(lambda key=key: self.get(key).status_code == 200, seconds=90, what=f"{key} plays")
            assert self.get(key).content == data
        assert sorted(stored.key for stored in self.store.list()) == sorted(self.old)
        checked = self.unit.run("check")
        assert checked.returncode == 0, checked.stdout
        self.store.close()


def test_a_bucket_that_is_full(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, cluster: Radosgw
) -> None:
    """What finds no room stays here, and goes when there is some."""
    house = House(start_unit(settings=SPRITELESS), samples, cluster, objects=1)
    contents = house.archive(tmp_path, cluster.endpoint)
    wait_for(lambda: "is full: the quota is used up" in house.words(), what="its words")
    assert len(house.moved()) == 1
    wait_for(lambda: "is full" in house.warning(), what="its warning")
    for key, data in contents.items():
        assert house.get(key).content == data
    cluster.admin("quota", "set", "--quota-scope=bucket", f"--uid={house.user}", "--max-objects=100")
    house.retry()
    house.check(contents)


def test_a_bucket_that_refuses(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, cluster: Radosgw
) -> None:
    """403 to whatever is asked: clips there say so, those here play, and all goes on where it left off."""
    house = House(start_unit(settings=SPRITELESS), samples, cluster, objects=1)
    contents = house.archive(tmp_path, cluster.endpoint)
    wait_for(lambda: "is full" in house.words(), what="one clip there")
    (there,) = house.moved()
    cluster.admin("user", "suspend", f"--uid={house.user}")
    house.retry()
    wait_for(lambda: "has suspended" in house.words(), what="its words")
    assert (house.get(there).status_code, house.get(there).text) == (503, AWAY)
    for key in {*contents} - {there}:
        assert house.get(key).content == contents[key]
    wait_for(lambda: (house.unit.clip(there) or {}).get("available") is False, what="its state")
    assert "has suspended" in str(house.unit.clip(there))
    cluster.admin("user", "enable", f"--uid={house.user}")
    cluster.admin("quota", "set", "--quota-scope=bucket", f"--uid={house.user}", "--max-objects=100")
    house.retry()
    house.check(contents)


def test_a_slow_way_to_the_bucket(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, cluster: Radosgw
) -> None:
    """1 MB/s: clips go there and play whole all the same, and local ones do not wait for them."""
    house = House(start_unit(settings=SPRITELESS), samples, cluster, more=3 << 20)
    with throttled(cluster.port) as proxy, contextlib.ExitStack() as stack:
        proxy.bytes_per_second = 1_000_000
        contents = house.archive(tmp_path, proxy.endpoint)
        wait_for(lambda: house.moved() == house.old, seconds=120, what="the move of all")
        plays = [
            stack.enter_context(requests.get(address(house.unit, key), stream=True, timeout=60))
            for key in house.old
        ]
        before = proxy.passed
        proxy.bytes_per_second = 100_000  # one of them takes longer than any machine needs for the rest
        for _ in range(20):
            assert house.get(house.young).content == contents[house.young]
            assert house.unit.get("/watcher/clips").status_code == 200
        # All of that, and the way has not even carried one of the others.
        assert proxy.passed - before < len(contents[house.old[0]])
        proxy.bytes_per_second = 1_000_000
        for key, answer in zip(house.old, plays, strict=True):
            assert answer.content == contents[key]
        house.check(contents)


def test_a_clock_that_is_wrong(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, cluster: Radosgw
) -> None:
    """An hour behind the server's: it refuses all, and watcher says that it is the clock."""
    clock = Clock(tmp_path / "clock")
    house = House(start_unit(settings=SPRITELESS), samples, cluster, objects=1)
    contents = house.archive(tmp_path, cluster.endpoint, **clock.environment)
    wait_for(lambda: "is full" in house.words(), what="one clip there")
    (there,) = house.moved()
    cluster.admin("quota", "set", "--quota-scope=bucket", f"--uid={house.user}", "--max-objects=100")
    clock.set(-3600)
    house.retry()
    wait_for(lambda: "has another time: its clock and this machine's are 3," in house.words(), what="its words")
    assert (house.get(there).status_code, house.get(there).text) == (503, AWAY)
    for key in {*contents} - {there}:
        assert house.get(key).content == contents[key]
    clock.set(0)
    house.retry()
    house.check(contents)
