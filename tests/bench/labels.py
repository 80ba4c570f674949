"""What a model costs that looks at clips: processor time, memory, and what a live clip waits for it.

A number of clips from WATCHER_BENCH_CLIPS; the model is the one that `make labels` made.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from PIL import ImageEnhance

from tests import clips, sights
from tests.running import RunningUnit, running, wait_for
from watcher.labels.labeller import WORKER
from watcher.workers.process import Worker

CLIPS = int(os.environ.get("WATCHER_BENCH_CLIPS", "200"))
MODEL = Path(__file__).parents[2] / "data" / "labels" / "model.onnx"
SECONDS, FPS, KEY_EVERY = 10, 10, 20
SIGHT = 5.8  # seconds into a clip, of a frame for a poster: the worst that there is, just before a key frame
AT_ONCE = 20  # clips of a kind, looked at for one figure
LIVE, LIVE_SECONDS = 30, 0.5  # clips that come meanwhile, and between two of them
KINDS = {  # what is on a clip: things, and how much darker each picture is than the one before
    "somebody walks": ([sights.Thing("astronaut.png", x=0.1, height=0.7, speed=0.08)], 0.0),
    "the light changes": ([], 0.008),
    "nothing changes": ([], 0.0),
}
TICK = os.sysconf("SC_CLK_TCK")


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """What one look takes, by one worker: milliseconds of the processor, and ratios."""
    return list(_alone(folder, samples(folder), rounds))


def run_unit(folder: Path, _rounds: int) -> list[tuple[str, list[float], str]]:
    """What it is in a running unit: clips a minute, milliseconds, megabytes, and live clips with and without."""
    return list(_in_a_unit(folder, list(samples(folder).values())))


def samples(folder: Path) -> dict[str, Path]:
    """A clip of each kind."""
    if not MODEL.is_file():
        sys.exit("there is no model to measure: make labels")
    return {kind: _film(folder / f"{number}.mp4", kind) for number, kind in enumerate(KINDS)}


def _film(path: Path, kind: str) -> Path:
    things, darker = KINDS[kind]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "g": str(KEY_EVERY)})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(SECONDS * FPS):
            picture = sights.frame((640, 360), things, number / FPS)
            image = av.VideoFrame.from_image(ImageEnhance.Brightness(picture).enhance(1 - darker * number))
            image.pts, image.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    return path


# — one worker —


def _alone(folder: Path, samples: dict[str, Path], rounds: int) -> Iterator[tuple[str, list[float], str]]:
    for kind, path in samples.items():
        looks, sights_, pictures, frames = [], [], [], 0
        for _ in range(rounds):
            with _worker([*WORKER, json.dumps({"model": str(MODEL), "names": []})]) as worker:
                worker.ask_inspect(str(path), 0, container="mp4")
                worker.answer()  # it has started

                def look(worker: Worker = worker, path: Path = path) -> int:
                    worker.ask_inspect(str(path), 0, container="mp4")
                    return len(worker.answer().pictures)

                frames = look()
                looks.append(_milliseconds(worker, look))

                def make_sight(worker: Worker = worker, path: Path = path) -> None:
                    worker.ask_poster(str(path), folder / "sight.webp", 0, container="mp4", seconds=SIGHT)
                    worker.answer()

                sights_.append(_milliseconds(worker, make_sight))
            with _worker() as worker:

                def make(worker: Worker = worker, path: Path = path) -> None:
                    worker.ask_poster(str(path), folder / "poster.webp", 0, container="mp4")
                    worker.answer()
                    worker.ask_sprite(str(path), folder / "sprite.webp", 0, container="mp4")
                    worker.answer()

                make()
                pictures.append(_milliseconds(worker, make))
        yield f"a look at a clip of 640×360, {kind} ({frames} frames): processor, ms", looks, "≤ 300"
        if KINDS[kind][0]:
            yield f"… and the best sight as its poster, {SIGHT} s into it: processor, ms", sights_, ""
        ratios = [look / made for look, made in zip(looks, pictures, strict=True)]
        yield f"… ÷ its poster and sprite ({statistics.median(pictures):.0f} ms)", ratios, ""


@contextlib.contextmanager
def _worker(command: list[str] | None = None) -> Iterator[Worker]:
    worker = Worker(timeout_seconds=600, command=command)
    try:
        yield worker
    finally:
        worker.close()


def _milliseconds(worker: Worker, do: Callable[[], object]) -> float:
    """Of the processor that a worker's processes take to do something."""
    assert worker._process is not None
    before = _processor(worker._process.pid)
    for _ in range(AT_ONCE):
        do()
    return (_processor(worker._process.pid) - before) * 1000 / AT_ONCE


def _processor(pid: int) -> float:
    """Seconds of the processor that a process and its descendants have had, the ended ones included."""
    total = 0.0
    for each in _tree(pid):
        with contextlib.suppress(OSError):
            parts = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, parts[11:15])) / TICK
    return total


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for each in pids:
        with contextlib.suppress(OSError):
            pids += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
    return pids


# — a running unit —


def _in_a_unit(folder: Path, samples: list[Path]) -> Iterator[tuple[str, list[float], str]]:
    """Many clips that have their pictures; live ones come while a model looks at those, and while none does."""
    unit = RunningUnit(folder / "unit")
    for number in range(CLIPS):
        path = unit.video / f"cam{number % 5}" / "2026-11-21" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(samples[number % len(samples)].read_bytes(), number))
    (unit.data / "labels").mkdir()
    shutil.copy(MODEL, unit.data / "labels")
    live = samples[0].read_bytes()
    with running(folder / "unit") as unit:
        made = "SELECT count(*) FROM clips WHERE sprite IS NOT NULL"
        wait_for(lambda: _count(unit, made) == CLIPS, seconds=CLIPS + 60.0, what="pictures of all")
        without = _listed(unit, live, "without")
    with running(folder / "unit", settings={"WATCHER_LABELS__ENABLED": "true"}) as unit:
        done = "SELECT count(*) FROM inspections WHERE done_ms IS NOT NULL"
        wait_for(lambda: _count(unit, done) > 0, what="the first look")
        beside = _listed(unit, live, "beside")
        began, begun, sizes, processor = time.monotonic(), _count(unit, done), [0.0], 0.0
        if begun == CLIPS + 2 * LIVE:
            sys.exit("all clips were looked at too soon: more of them, in WATCHER_BENCH_CLIPS")
        worker = min(_workers(unit))
        used = _processor(worker)
        while (count := _count(unit, done)) < CLIPS + 2 * LIVE:
            sizes.append(_megabytes(worker))
            processor = _processor(worker)
            time.sleep(0.2)
        minutes = (time.monotonic() - began) / 60
    ratio = statistics.median(beside) / statistics.median(without)
    yield f"a live clip is listed while a model looks at {CLIPS:,}, median ÷ without", [ratio], "≤ 1.2"
    yield "… seconds, with", beside, ""
    yield "… seconds, without", without, ""
    yield f"{CLIPS:,} clips looked at by a running unit: clips a minute", [(count - begun) / minutes], ""
    yield "… processor a clip, ms", [(processor - used) * 1000 / (count - begun)], "≤ 300"
    yield "… memory of the worker, the decoder and the model, MB (PSS), most", [max(sizes)], "≤ 250"


def _listed(unit: RunningUnit, content: bytes, name: str) -> list[float]:
    """Seconds until each of some clips is listed, from when it has its name on."""
    seconds = []
    for number in range(LIVE):
        beside, key = unit.data / "arriving", f"{name}/2026-11-22/{number}.mp4"
        beside.write_bytes(clips.stamp(content, 1_000_000 + len(name) * 1000 + number))
        (unit.video / key).parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        beside.rename(unit.video / key)
        wait_for(lambda key=key: unit.clip(key), what=key)
        seconds.append(time.monotonic() - began)
        time.sleep(LIVE_SECONDS)
    return seconds


def _count(unit: RunningUnit, question: str) -> int:
    with contextlib.closing(sqlite3.connect(unit.data / "catalog.db")) as connection:
        return int(connection.execute(question).fetchone()[0])


def _workers(unit: RunningUnit) -> list[int]:
    return [pid for pid, command in unit.family().items() if "watcher.labels.worker" in command]


def _megabytes(worker: int) -> float:
    """What a worker and its processes hold, shared pages divided among them."""
    total = 0
    for pid in _tree(worker):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024
