"""Run the soak: python -m tests.soak [MINUTES]; prints the curve, and fails where memory still grows.

After the first quarter the whole unit may grow by 5 % until the end, by a straight line through all that was measured.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from tests import clips
from tests.bench.memory import PARTS, WHOLE, by_part
from tests.running import RunningUnit, running

READERS = 20
SHARE = 0.05
QUESTIONS = (
    "/watcher/",
    "/watcher/clips",
    "/watcher/clips?limit=200&camera=cam1",
    "/watcher/cameras",
    "/watcher/changes/head",
    "/watcher/timeline?bucket=hour",
    "/watcher/readyz",
)


def read(unit: RunningUnit, over: threading.Event, number: int) -> None:
    """One reader: a question a second, and a range of the newest clip."""
    chance = random.Random(number)
    with requests.Session() as session:
        while not over.wait(chance.uniform(0.5, 1.5)):
            try:
                session.get(unit.url(chance.choice(QUESTIONS)), timeout=30)
                clips = session.get(unit.url("/watcher/clips?limit=1"), timeout=30).json()["clips"]
                if clips:
                    session.get(unit.url(clips[0]["url"]), headers={"Range": "bytes=0-65535"}, timeout=30)
            except requests.RequestException:
                continue


def leave(unit: RunningUnit, over: threading.Event, sample: bytes) -> None:
    """The cameras: a clip a second."""
    number = 0
    while not over.wait(1.0):
        number += 1
        folder = unit.video / f"cam{number % 5}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.mp4").write_bytes(clips.stamp(sample, number))


def growth(seconds: list[float], values: list[float]) -> float:
    """By what share of its beginning a straight line through the values grows."""
    line = statistics.linear_regression(seconds, values)
    first = line.intercept + line.slope * seconds[0]
    return line.slope * (seconds[-1] - seconds[0]) / first


def main(minutes: float) -> int:
    """Measure every ten seconds; 1 where it does not level off."""
    with tempfile.TemporaryDirectory(prefix="watcher-soak-") as folder, running(Path(folder)) as unit:
        sample = clips.make(Path(folder) / "sample.mp4").read_bytes()
        over = threading.Event()
        threads = [threading.Thread(target=leave, args=(unit, over, sample), daemon=True)]
        threads += [
            threading.Thread(target=read, args=(unit, over, number), daemon=True) for number in range(READERS)
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        at: list[float] = []
        curve: list[dict[str, float]] = []
        print(f"{'minute':>7} " + " ".join(f"{part[:16]:>16}" for part in (*PARTS, WHOLE)), flush=True)
        while (seconds := time.monotonic() - began) < minutes * 60:
            over.wait(10.0)
            at.append(seconds)
            curve.append(by_part(unit))
            if len(at) % 6 == 1:
                line = " ".join(f"{curve[-1][part]:>16.1f}" for part in (*PARTS, WHOLE))
                print(f"{seconds / 60:>7.1f} {line}", flush=True)
        over.set()
        for thread in threads:
            thread.join(40)
        quarter = len(at) // 4
        shares = {
            part: growth(at[quarter:], [point[part] for point in curve[quarter:]]) for part in (*PARTS, WHOLE)
        }
    print("growth after the first quarter: " + ", ".join(f"{part} {share:+.1%}" for part, share in shares.items()))
    return 0 if shares[WHOLE] <= SHARE else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
