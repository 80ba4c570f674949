"""What choosing a poster costs, how fast a proxy is copied, and what a sweep costs those who look."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av

from tests import clips
from tests.bench.senders import p95_of_a_list
from tests.running import EXPORT, PROXY, running
from watcher.ops import demo
from watcher.services import open_services
from watcher.settings.load import load
from watcher.workers import render
from watcher.workers.forkserver import Files

SIZES = ("640x360", "1920x1080")
LONG_SECONDS = 600
JOINED = 20  # clips in a film
SWEPT = 100_000


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Times and rates, as ratios."""
    rows = [
        (
            f"plain poster and choice of the most telling, {size} ÷ plain poster",
            _telling(folder, size, rounds),
            "≤ 2",
        )
        for size in SIZES
    ]
    rows.append(("a proxy whose tracks are copied, MB/s ÷ a copy of the file", _copied(folder, rounds), ""))
    rows.append((f"a film of {JOINED} clips, MB/s ÷ copies of the files", _joined(folder, rounds), ""))
    rows.append((f"list of 50, p95 beside a sweep of {SWEPT:,} clips ÷ alone", _swept(folder, rounds), "≤ 1.5"))
    return rows


def _film(path: Path, size: str, seconds: int, *options: str) -> Path:
    source = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=15:d={seconds}"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        *source,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "30",
        *options,
    ]
    subprocess.run([*command, str(path)], check=True)
    return path


def _telling(folder: Path, size: str, rounds: int) -> list[float]:
    """What choosing adds to a sprite, and a plain poster, ÷ the plain poster."""
    path = str(_film(folder / f"{size}.mp4", size, 24))
    job = {"path": path, "out": str(folder / "out.webp")}

    def seconds(make: Any, **more: Any) -> float:
        paths = [job["out"], *more.values()]
        with contextlib.ExitStack() as stack:
            clip = stack.enter_context(Path(path).open("rb"))
            outs = [stack.enter_context(Path(path).open("wb", buffering=0)) for path in paths]
            began = time.perf_counter()
            make(av, job, Files([clip], outs), lambda **_: None)
        return time.perf_counter() - began

    choose, ratios = render.most_telling, []
    for _ in range(rounds):
        times: dict[str, list[float]] = {"plain": [], "sprite": [], "telling": []}
        for _ in range(10):
            times["plain"].append(seconds(render.poster))
            render.most_telling = lambda _pictures: None
            times["sprite"].append(seconds(render.sprite))
            render.most_telling = choose
            times["telling"].append(seconds(render.sprite, poster=str(folder / "poster.webp")))
        plain, sprite, telling = (statistics.median(values) for values in times.values())
        ratios.append((plain + telling - sprite) / plain)
    return ratios


def _copied(folder: Path, rounds: int) -> list[float]:
    """H.264 in Matroska into an MP4, by the worker itself, its start included."""
    path = _film(folder / "long.mkv", "1280x720", LONG_SECONDS, "-b:v", "2M")
    job = {"path": str(path), "out": str(folder / "long.mp4"), "height": 720, "threads": 1, "rotation": 0}
    job |= {"copy_video": True, "copy_audio": True, "most_bytes": 1 << 40}
    return [_against_copies(folder, [path], PROXY, job) for _ in range(rounds)]


def _joined(folder: Path, rounds: int) -> list[float]:
    """A film of clips of half a minute, hashes of them and of the film included."""
    path = _film(folder / "half.mp4", "1280x720", 30, "-b:v", "4M")
    sources = [folder / f"half{number}.mp4" for number in range(JOINED)]
    for source in sources:
        shutil.copyfile(path, source)
    size = path.stat().st_size
    clips_ = [
        {"id": n, "key": source.name, "path": str(source), "size_bytes": size, "started_ms": n * 30_000}
        | {"ended_ms": (n + 1) * 30_000, "utc_offset": 0}
        for n, source in enumerate(sources)
    ]
    job = {"clips": clips_, "folder": str(folder), "stem": "film", "camera": "a", "cut": "key"}
    job |= {"from_ms": 0, "to_ms": 10**9, "most_bytes": 1 << 40}
    return [_against_copies(folder, sources, EXPORT, job) for _ in range(rounds)]


def _against_copies(folder: Path, sources: list[Path], module: str, job: dict[str, Any]) -> float:
    """How long copies of some files take, ÷ a worker's job."""
    began = time.perf_counter()
    for source in sources:
        shutil.copyfile(source, folder / f"copy-{source.name}")
    ceiling = time.perf_counter() - began
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", module]
    output = subprocess.run(command, input=json.dumps(job).encode() + b"\n", capture_output=True, check=True).stdout
    assert b"made" in output, output
    return ceiling / (time.perf_counter() - began)


def _swept(folder: Path, rounds: int) -> list[float]:
    """Clips without files, so that what is measured is the catalog's."""
    ratios = []
    for number in range(min(rounds, 2)):
        with running(folder / f"swept{number}", settings={"WATCHER_RENDER__WORKERS": "0"}) as unit:
            services = open_services(load({}).settings, unit.data)
            demo.fill(services, SWEPT)
            services.catalog.database.engine.dispose()
            (unit.video / "now.mp4").write_bytes(clips.make(folder / "now.mp4").read_bytes())
            alone = p95_of_a_list(unit, 5)
            unit.environment["WATCHER_RETENTION__MAX_AGE_DAYS"] = "1"
            with subprocess.Popen(
                unit.command("sweep", "--data", str(unit.data)), env=unit.environment, cwd=unit.folder
            ) as sweep:
                ratios.append(p95_of_a_list(unit, 10) / alone)
                assert sweep.poll() is None, "the sweep was over too soon"
                sweep.kill()
    return ratios
