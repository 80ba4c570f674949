"""SIGKILL of any process, of all, and of the database, at random moments; afterwards nothing promised is missing.

`make crash` kills a few dozen times on each engine; `KILLS=1000 make crash` says how often. Figures go to standard output.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.crash.senders import World
from tests.running import DEADLINE, EXPORT, PROXY, RENDER, RunningUnit, alive, free_port, running, wait_for

pytestmark = pytest.mark.crash

KILLS = int(os.environ.get("KILLS", "25"))  # on each engine
SEED = int(os.environ.get("SEED", str(time.time_ns() % 1_000_000)))
PROCESSES = [
    "nginx: master",
    "nginx: worker",
    "uwsgi worker",
    "watcher ingest",
    "watcher ftp",
    RENDER,
    f"{PROXY}|{EXPORT}",
]
VICTIMS = [*PROCESSES, *PROCESSES, "the parent", "the parent", "all", "push", "database"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[postgres.Server | None]:
    """A PostgreSQL server that may be killed, or none."""
    if request.param == "sqlite":
        yield None
        return
    with postgres.running() as server:
        yield server


def kill(world: World, victim: str, database: postgres.Server | None) -> bool:
    """Kill one or some; False where there was none."""
    unit = world.unit
    family = unit.family()
    assert unit.process is not None
    if victim == "database":
        if database is None:
            return False
        database.stop()
        database.start()
        return True
    if victim == "push":
        pids = [world.pusher.pid] if world.pusher and world.pusher.poll() is None else []
    elif victim == "all":
        pids = list(family)
        world.random.shuffle(pids)
    elif victim == "the parent":
        pids = [unit.process.pid]
    else:
        pids = [pid for pid, command in family.items() if re.search(victim, command)]
        pids = [world.random.choice(pids)] if pids else []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if unit.process.pid in pids:
        unit.process.wait(DEADLINE)
    return bool(pids)


def again(unit: RunningUnit) -> None:
    """Start the unit where its parent was killed, at once, as a supervisor does."""
    assert unit.process is not None
    with contextlib.suppress(Exception):
        unit.process.wait(0.2)
    if unit.process.poll() is not None:
        unit.start()


def contents(video: Path) -> dict[str, str]:
    """Every clip file below the root: SHA-256 → key."""
    contents = {}
    for path in video.rglob("*.mp4"):
        key = path.relative_to(video).as_posix()
        if not any(part.startswith(".") for part in key.split("/")):
            contents[hashlib.sha256(path.read_bytes()).hexdigest()] = key
    return contents


def missing(world: World) -> list[str]:
    """What was promised and is not so."""
    there = contents(world.unit.video)
    listed = {clip["key"]: clip for clip in world.unit.clips()}
    wrong = []
    for sha, promise in world.promises.items():
        key = there.get(sha)
        clip = listed.get(key) if key else None
        if promise.retired is None:
            continue
        if promise.retired:
            if key is not None:
                wrong.append(f"{key} was retired, and its file is there")
        elif key is None:
            wrong.append(f"a content is gone that came by {promise.way}")
        elif clip is None or clip["state"] != "ready":
            wrong.append(f"{key} is not listed: {clip}")
        elif not promise.labels <= {label["name"] for label in clip["labels"]}:
            wrong.append(f"{key} lost its labels")
    return wrong


def leftovers(unit: RunningUnit) -> list[str]:
    """What a killed process left, and nobody has removed after a start and a scan."""

    def is_being_written(path: Path) -> bool:
        process = re.search(r"\.(\d+)\.tmp$", path.name)
        return process is not None and alive(int(process[1]))

    leftovers = [path for path in unit.data.glob("renditions/**/*.tmp") if not is_being_written(path)]
    leftovers += [*unit.data.glob("video/**/*.tmp"), *unit.data.glob("*.tmp")]
    leftovers += [path for path in unit.data.glob("spool/*") if path.is_file()]
    return [str(path.relative_to(unit.data)) for path in leftovers]


def test_whatever_is_killed_nothing_promised_is_lost(
    database: postgres.Server | None, samples: Path, tmp_path: Path
) -> None:
    """Drops, PUT, tus, FTP, push; labels, renames, retirals, films and copies; and a SIGKILL every half a second."""
    print(f"SEED={SEED} KILLS={KILLS}")
    settings = {
        "WATCHER_RETENTION__BIN_DAYS": "7",
        "WATCHER_FTP__LISTEN": f"127.0.0.1:{free_port()}",
        "WATCHER_UPLOAD__MIN_FREE_BYTES": "0",
    }
    if database is not None:
        settings["WATCHER_CATALOG__URL"] = database.url
    with running(tmp_path / "unit", settings=settings) as unit:
        key = unit.run("key", "create", "ftp", "--role", "upload", "--camera", "ftp").stdout.strip()
        world = World(unit, (samples / "plain.mp4").read_bytes(), tmp_path, SEED)
        chance, killed = random.Random(SEED), Counter[str]()
        world.start(key)
        while killed.total() < KILLS and not world.failures:
            world.over.wait(min(2.0, chance.expovariate(2.5)))
            victim = chance.choice(VICTIMS)
            if kill(world, victim, database):
                killed[victim] += 1
            again(unit)
        world.end()
        assert not world.failures, world.failures
        again(unit)
        unit.wait_ready()
        world.keep_pushing()
        assert world.pusher is not None
        wait_for(lambda: not list(world.camera.glob("*.mp4")), seconds=240, what="all that is to be pushed")
        world.pusher.kill()
        world.pusher.wait()
        unit.stop()
        unit.start()
        wait_for(lambda: not missing(world), seconds=180, what="all that was promised") if missing(world) else None
        assert missing(world) == []
        checked = unit.run("check")
        assert checked.returncode == 0, checked.stdout[-3000:]
        family = unit.family()
        wait_for(lambda: not leftovers(unit), what=f"an end of leftovers {leftovers(unit)}")
        unit.stop()
        assert not [pid for pid in family if alive(pid)]
        assert unit.family() == {}, "orphans"
    print(f"killed {dict(killed)}; promised {dict(world.counts)}: nothing lost, no orphan, no leftover")
