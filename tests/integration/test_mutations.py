"""Damaged films dropped beside good ones, on a running watcher: each costs itself, and is explained."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips, postgres
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.slow

NUMBER = int(os.environ.get("WATCHER_TEST_LIVE_MUTATIONS", "300"))
SEED = int(os.environ.get("WATCHER_TEST_SEED", "18"))
BETWEEN = 8  # damaged files from one good clip to the next
GROWTH_MOST = 64 << 10  # kB that the ingester may need more
INGESTER = r"-m watcher ingest --data /"


def most_held(pid: int) -> int:
    """The most memory that a process ever had, kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_damaged_films_cost_the_good_ones_nothing(
    small_machine: tuple[str, ...],
    start_unit: Callable[..., RunningUnit],
    request: pytest.FixtureRequest,
    samples: Path,
    engine: str,
) -> None:
    """Every good clip gets its picture, every damaged one its verdict, by one ingester that stays ready.

    With SQLite on a machine of one core and one gigabyte.
    """
    settings = {}
    if engine == "postgresql":
        settings["WATCHER_CATALOG__URL"] = postgres.fresh(request.getfixturevalue("postgresql"))
    print(f"seed {SEED}, {NUMBER} damaged files")
    unit = start_unit(settings=settings, within=small_machine if engine == "sqlite" else ())
    chance = random.Random(SEED)
    ingester = unit.pid_of(INGESTER)
    held = most_held(ingester)
    originals = [(samples / f"{name}.mp4").read_bytes() for name in ("plain", "faststart", "fragmented", "sound")]
    for folder in ("good", "damaged"):
        (unit.video / folder).mkdir()
    good, damaged, written = [], [], time.monotonic()
    for number in range(NUMBER):
        key = f"damaged/{number:05}.mp4"
        (unit.video / key).write_bytes(clips.damaged(originals[number % 4], chance))
        damaged.append(key)
        if number % BETWEEN == 0:
            key = f"good/{number:05}.mp4"
            (unit.video / key).write_bytes(clips.stamp(originals[number // BETWEEN % 4], number))
            good.append(key)
    print(f"written in {time.monotonic() - written:.1f} s")

    def all_there() -> dict[str, dict] | None:
        assert unit.get("/watcher/readyz").status_code == 200, unit.problems()
        found = {clip["key"]: clip for clip in unit.clips()}
        ready = all(found.get(key, {}).get("poster_url") for key in good)
        known = all(found.get(key, {}).get("state") in {"ready", "broken"} for key in damaged)
        time.sleep(0.5)  # a long list is asked again
        return found if ready and known else None

    found = wait_for(all_there, seconds=60 + NUMBER / 10, what="a verdict on each file")
    print(f"verdicts and pictures after {time.monotonic() - written:.1f} s")
    assert {found[key]["state"] for key in good} == {"ready"}
    verdicts = Counter(found[key]["state"] for key in damaged)
    print(verdicts, f"the ingester grew by {(most_held(ingester) - held) >> 10} MB")
    assert min(verdicts["ready"], verdicts["broken"]) > NUMBER // 10
    assert all(found[key]["error"] for key in damaged if found[key]["state"] == "broken")
    assert unit.pid_of(INGESTER) == ingester
    assert most_held(ingester) - held < GROWTH_MOST
    assert "Traceback" not in unit.logged()
    check = unit.run("check")
    assert check.returncode == 0, check.stdout + check.stderr
