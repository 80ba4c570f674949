"""Damaged films dropped beside good ones, on a running watcher: each costs itself, and is explained."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import clips, postgres
from tests.running import INGESTER, RunningUnit, wait_for

pytestmark = pytest.mark.slow

NUMBER = int(os.environ.get("WATCHER_TEST_LIVE_MUTATIONS", "300"))
SEED = int(os.environ.get("WATCHER_TEST_SEED", "18"))
BETWEEN = 8  # damaged files from one good clip to the next
GROWTH_MOST = 64 << 10  # kB that the ingester and the web may need more
WEB = r"uwsgi"
LIVE_SECONDS = 1.0  # from one live clip to the next
LIVE_MOST_SECONDS = 60.0  # until one is listed, whatever else the machine does; an idle one needs a second


def most_held(unit: RunningUnit, pattern: str) -> int:
    """The most memory that the processes of some command lines ever had, kB; what they share counts for each."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in unit.named(pattern)]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) for text in texts)


@contextmanager
def live_clips(unit: RunningUnit, data: bytes) -> Iterator[list[float]]:
    """A camera's clip each second, from the block's begin to its end; for how many seconds each was not listed."""
    over, took = threading.Event(), []
    (unit.video / "live").mkdir()

    def record() -> None:
        while not over.wait(max(0.0, LIVE_SECONDS - took[-1]) if took else 0.0):
            key = f"live/{len(took):05}.mp4"
            (unit.video / key).write_bytes(clips.stamp(data, 1_000_000 + len(took)))
            written = time.monotonic()
            while unit.clip(key) is None:
                assert time.monotonic() < written + LIVE_MOST_SECONDS, f"{key} is not listed"
                time.sleep(0.05)  # who asks without end is the machine's trouble
            took.append(time.monotonic() - written)

    with ThreadPoolExecutor(1) as pool:
        camera = pool.submit(record)
        try:
            yield took
        finally:
            over.set()
        camera.result()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_damaged_films_cost_the_good_ones_nothing(
    small_machine: tuple[str, ...],
    start_unit: Callable[..., RunningUnit],
    request: pytest.FixtureRequest,
    samples: Path,
    engine: str,
) -> None:
    """Every good clip gets its picture, every damaged one its verdict, by one ingester that stays ready.

    A camera records meanwhile, and its clips do not wait for the others.
    With SQLite on a machine of one core and one gigabyte.
    """
    settings = {}
    if engine == "postgresql":
        settings["WATCHER_CATALOG__URL"] = postgres.fresh(request.getfixturevalue("postgresql"))
    print(f"seed {SEED}, {NUMBER} damaged files")
    unit = start_unit(settings=settings, within=small_machine if engine == "sqlite" else ())
    chance = random.Random(SEED)
    ingester = unit.ingester()
    unit.clips()  # whoever answers first imports something
    held = [most_held(unit, pattern) for pattern in (INGESTER, WEB)]
    originals = [(samples / f"{name}.mp4").read_bytes() for name in ("plain", "faststart", "fragmented", "sound")]
    for folder in ("good", "damaged"):
        (unit.video / folder).mkdir()
    good, damaged, written = [], [], time.monotonic()

    def all_there() -> dict[str, dict] | None:
        assert unit.get("/watcher/readyz").status_code == 200, unit.problems()
        by_key = {clip["key"]: clip for clip in unit.clips()}
        ready = all(by_key.get(key, {}).get("poster_url") for key in good)
        known = all(by_key.get(key, {}).get("state") in {"ready", "broken"} for key in damaged)
        time.sleep(0.5 + NUMBER / 2000)  # a long list is asked again
        return by_key if ready and known else None

    with live_clips(unit, originals[0]) as took:
        for number in range(NUMBER):
            key = f"damaged/{number:05}.mp4"
            (unit.video / key).write_bytes(clips.damaged(originals[number % 4], chance))
            damaged.append(key)
            if number % BETWEEN == 0:
                key = f"good/{number:05}.mp4"
                (unit.video / key).write_bytes(clips.stamp(originals[number // BETWEEN % 4], number))
                good.append(key)
        print(f"written in {time.monotonic() - written:.1f} s")
        by_key = wait_for(all_there, seconds=180 + NUMBER / 5, what="a verdict on each file")
    print(f"verdicts and pictures after {time.monotonic() - written:.1f} s")
    quantiles = statistics.quantiles(took, n=20, method="inclusive")
    print(f"{len(took)} live clips: {quantiles[9]:.2f} s, 95 % in {quantiles[18]:.2f} s, all in {max(took):.2f} s")
    assert {by_key[key]["state"] for key in good} == {"ready"}
    verdicts = Counter(by_key[key]["state"] for key in damaged)
    growth = [most_held(unit, pattern) - before for pattern, before in zip((INGESTER, WEB), held, strict=True)]
    print(verdicts, "the ingester grew by {} MB, the web by {}".format(*(kb >> 10 for kb in growth)))
    assert min(verdicts["ready"], verdicts["broken"]) > NUMBER // 10
    assert all(by_key[key]["error"] for key in damaged if by_key[key]["state"] == "broken")
    assert unit.ingester() == ingester
    assert sum(growth) < GROWTH_MOST
    assert "Traceback" not in unit.logged()
    check = unit.run("check")
    assert check.returncode == 0, check.stdout + check.stderr
