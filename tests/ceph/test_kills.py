"""SIGKILL at random moments while clips move to a real S3 server: each is in one place or in two, and plays.

Some kills on some clips; `CLIPS=2000 KILLS=200 make ceph` says how many. Figures go to standard output.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests import clips, postgres
from tests.integration.test_buckets import tiered
from tests.integration.test_stores import address
from tests.radosgw import KEY, SECRET, Radosgw
from tests.running import RunningUnit, wait_for
from watcher.model.errors import StoreAwayError
from watcher.stores.s3 import S3

pytestmark = pytest.mark.ceph

CLIPS = int(os.environ.get("CLIPS", "40"))
KILLS = int(os.environ.get("KILLS", "25"))
SEED = int(os.environ.get("SEED", str(time.time_ns() % 1_000_000)))
SIZE = 40_000  # bytes of a clip
MEAN_SECONDS = 2.5  # between two kills
OF_UNIT = {"ingester": "-m watcher ingest --data /", "nginx": "nginx: (master|worker)", "uWSGI": "uwsgi worker"}
# The mover most often: it is the one that has steps.
VICTIMS = [*["ingester"] * 8, *["nginx"] * 4, "uWSGI", *["radosgw"] * 3, *["ceph-osd"] * 2, *["database"] * 2]


@pytest.fixture
def database() -> Iterator[postgres.Server]:
    with postgres.running() as server:
        yield server


class Viewer(threading.Thread):
    """Plays clips at random, all the time: whole or not now, but never nothing, and never other bytes."""

    def __init__(self, unit: RunningUnit, contents: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self._unit, self._contents, self._over = unit, contents, threading.Event()
        self.answers, self.wrong = Counter[str](), list[str]()

    def run(self) -> None:
        keys, chance = list(self._contents), random.Random(SEED)
        while not self._over.wait(0.02):
            key = chance.choice(keys)
            try:
                answer = requests.get(address(self._unit, key), timeout=60)
            except requests.RequestException:  # nginx, or who answers it, was killed meanwhile
                self.answers["broken off"] += 1
                continue
            self.answers[str(answer.status_code)] += 1
            if answer.status_code not in {200, 502, 503, 504}:
                self.wrong.append(f"{key}: {answer.status_code} {answer.text[:200]}")
            elif answer.status_code == 200 and answer.content != self._contents[key]:
                self.wrong.append(f"{key}: other bytes")

    def end(self) -> None:
        self._over.set()
        self.join()


def ready_in(unit: RunningUnit) -> int:
    """How many clips are listed as ready."""
    return sum(clip["state"] == "ready" for clip in unit.clips())


def leave_all(unit: RunningUnit, sample: bytes) -> dict[str, bytes]:
    """Clips of nine days ago on four cameras, with their bytes."""
    contents, noise = {}, clips.noise(SIZE)
    first = datetime.now().astimezone() - timedelta(days=9)
    for number in range(CLIPS):
        at = first + timedelta(seconds=20 * number)
        key = f"cam-{number % 4}/{at:%Y-%m-%d}/{at:%H%M%S}.mp4"
        filled = sample + (SIZE + 8).to_bytes(4, "big") + b"free" + noise
        contents[key] = clips.stamp(filled, number)
        path = unit.video / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[key])
        os.utime(path, (at.timestamp(), at.timestamp()))
    wait_for(lambda: ready_in(unit) == CLIPS, seconds=60 + CLIPS / 5, what="all clips")
    return contents


def kill(
    victim: str, unit: RunningUnit, cluster: Radosgw, database: postgres.Server, chance: random.Random
) -> bool:
    """Kill one, and start it again where nobody else does; False where there is none just now."""
    if victim == "database":
        database.stop()
        database.start()
        return True
    if victim in {"radosgw", "ceph-osd"}:
        cluster.kill(victim)
        cluster.revive(victim)
        return True
    pids = [pid for pid, command in unit.family().items() if re.search(OF_UNIT[victim], command)]
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
    return bool(pids)


def hashes(store: S3) -> dict[str, str] | None:
    """SHA-256 of every object, read from the server; None while it cannot be asked."""
    try:
        return {
            stored.key: hashlib.sha256(b"".join(store.read(stored.key, 0, stored.size))).hexdigest()
            for stored in store.list()
        }
    except StoreAwayError:
        return None


def test_whatever_is_killed_a_clip_is_in_a_place(
    start_unit: Callable[..., RunningUnit],
    samples: Path,
    tmp_path: Path,
    cluster: Radosgw,
    database: postgres.Server,
) -> None:
    """Ingester, nginx, uWSGI, S3 server, OSD and database; every clip has all of its bytes, and `check` is clean."""
    print(f"SEED={SEED} CLIPS={CLIPS} KILLS={KILLS}")
    unit = start_unit(
        settings={"WATCHER_RENDER__WORKERS": "0", "WATCHER_CATALOG__URL": postgres.fresh(database.url)}
    )
    contents = leave_all(unit, (samples / "plain.mp4").read_bytes())
    store = cluster.bucket(prefix="ä b/")
    # Four passes over each byte, and what is lost to kills: clips move for about as long as somebody kills.
    pace = CLIPS * SIZE * 5 / (KILLS * MEAN_SECONDS)
    tiered(
        unit,
        tmp_path,
        cluster.endpoint,
        store.bucket,
        keys=(KEY, SECRET),
        WATCHER_TIERING__MAX_BYTES_PER_SECOND=str(round(pace)),
        WATCHER_TIERING__CACHE_BYTES=str(
            sum(map(len, contents.values())) // 4
        ),  # some play from copies, some do not
    )
    chance, killed, moving = random.Random(SEED), Counter[str](), 0
    viewer, began = Viewer(unit, contents), time.monotonic()
    viewer.start()
    while killed.total() < KILLS and not viewer.wrong:
        time.sleep(min(3 * MEAN_SECONDS, chance.expovariate(1 / MEAN_SECONDS)))
        victim = chance.choice(VICTIMS)
        here = sum((unit.video / key).exists() for key in contents)
        if kill(victim, unit, cluster, database, chance):
            killed[victim] += 1
            moving += 0 < here < CLIPS
    took = time.monotonic() - began
    wait_for(
        lambda: viewer.wrong or not any((unit.video / key).exists() for key in contents),
        seconds=300 + CLIPS / 2,
        what="the move of all",
    )
    viewer.end()
    assert viewer.wrong == []
    wait_for(lambda: {clip["store"] for clip in unit.clips()} == {"archive"}, what="the rows")
    there = wait_for(lambda: hashes(store), seconds=180, what="the objects")
    assert there == {key: hashlib.sha256(data).hexdigest() for key, data in contents.items()}
    wait_for(lambda: unit.problems() == {}, seconds=180, what="an end of problems")
    for key, data in contents.items():
        answer = requests.get(address(unit, key), timeout=30)
        assert (answer.status_code, answer.content == data) == (200, True), (key, answer.status_code)
    copies = [*(unit.data / "spool" / "cold").glob("[0-9]*")]
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in copies} <= set(there.values())
    assert unit.run("scan").returncode == 0
    checked = unit.run("check")
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert len(unit.clips()) == CLIPS
    store.close()
    print(
        f"killed {dict(killed)} in {took:.0f} s, {moving} of them while some clips were here and some there; "
        f"played meanwhile {dict(viewer.answers)}: nothing lost, every byte equal, check clean; {len(copies)} copies"
    )
