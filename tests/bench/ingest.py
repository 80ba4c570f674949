"""Ingest: against PyAV's open, a pool that makes only posters, and a bare walk."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import sqlalchemy as sa

from tests import clips
from tests.unit.test_naming import write
from watcher.catalog import migrate
from watcher.catalog.rendition_names import Renditions
from watcher.catalog.schema import clips as clips_table
from watcher.ingest.bind import bind_root
from watcher.ingest.scan import reconcile
from watcher.media.boxes import read_movie
from watcher.naming.presets import Base, Role, shipped
from watcher.naming.template import Template
from watcher.ops.check import scan
from watcher.ops.demo import SCENES, write_clip
from watcher.services import Services, open_services
from watcher.settings.schema import Render, Settings
from watcher.workers import render
from watcher.workers.forkserver import Files

CLIPS = 2000
POSTERS = 1000
WARM = 20
FILES = 100_000
COLLECTION = 200_000


def files(folder: Path, count: int) -> list[Path]:
    """Clips of 640×360, two seconds each, twenty pictures, every one another content."""
    samples = []
    for number in range(20):
        path = folder / f"sample{number}.mp4"
        write_clip(path, SCENES[number % 3], clips.AT.replace(minute=number), seconds=2)
        samples.append(path.read_bytes())
        path.unlink()
    paths = []
    for number in range(count):
        path = folder / "video" / f"cam{number % 10}" / f"{number // 100}" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(samples[number % 20], number))
        paths.append(path)
    return paths


@contextlib.contextmanager
def catalogued(folder: Path, workers: int = 2) -> Iterator[Services]:
    """Services on a folder with a fresh catalog."""
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "renditions", ignore_errors=True)
    (folder / "video" / ".watcher").unlink(missing_ok=True)
    services = open_services(Settings(render=Render(workers=workers)), folder)
    services.places.make()
    migrate(services.catalog.database.engine)
    bind_root(services)
    yield services
    services.catalog.database.engine.dispose()


def open_with_pyav(path: str) -> int:
    """What a program without a reader of its own does to learn of a clip."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        return stream.codec_context.width + int(container.duration or 0)


def poster_only(job: tuple[str, str]) -> None:
    """The same picture that watcher makes, and nothing else."""
    with Path(job[0]).open("rb") as clip, Path(job[1]).open("wb", buffering=0) as out:
        answer = render.poster(av, {}, Files([clip], [out]), lambda **_: None)
    assert "error" not in answer


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Clips a second, as ratios."""
    paths = [str(path) for path in files(folder, CLIPS)]
    index, posters = [], []
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(open_with_pyav, paths[:20]))
        for number in range(rounds):
            began = time.perf_counter()
            list(pool.map(open_with_pyav, paths, chunksize=50))
            ceiling = time.perf_counter() - began
            with catalogued(folder) as services:
                began = time.perf_counter()
                scan(services, accept_missing=False, accept_root=False, out=io.StringIO())
                index.append(ceiling / (time.perf_counter() - began))
                assert services.catalog.clips.listed_count() == CLIPS
            out = folder / f"out{number}"
            out.mkdir()
            jobs = [(path, str(out / f"{n}.webp")) for n, path in enumerate(paths[:POSTERS])]
            began = time.perf_counter()
            list(pool.map(poster_only, jobs, chunksize=5))
            ceiling = time.perf_counter() - began
            posters.append(ceiling / _with_posters(folder))
    return [
        ("index without posters ÷ two PyAV opens", index, "≥ 3"),
        ("index with posters ÷ two that make only posters", posters, "≥ 0.85"),
    ]


def _with_posters(folder: Path) -> float:
    """Seconds from the arrival of a folder of clips to a catalog with every poster, by a running ingester."""
    arriving = folder / "arriving"
    shutil.rmtree(arriving, ignore_errors=True)
    for path in sorted((folder / "video").rglob("*.mp4"), key=lambda path: int(path.stem))[:POSTERS]:
        target = arriving / path.relative_to(folder / "video")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    with catalogued(data) as services:
        # The pool of the ceiling was warm; so is the renderer, with some clips of its own.
        for number in range(WARM):
            clips.make(data / "video" / f"{number}.mp4")
        command = [sys.executable, "-m", "watcher", "ingest", "--data", str(data)]
        # Sprites come after all posters, or with a poster that nobody waits behind: they are not what is measured.
        environment = os.environ | {"WATCHER_RENDER__SPRITES": "false"}
        ingester = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        try:
            _wait_rendered(services, WARM)
            began = time.perf_counter()
            arriving.rename(data / "video" / "arriving")
            _wait_rendered(services, POSTERS + WARM)
            return time.perf_counter() - began
        finally:
            ingester.terminate()
            ingester.wait()


def _wait_rendered(services: Services, count: int) -> None:
    while services.catalog.clips.listed_count() < count or services.catalog.files.unrendered(
        1, what=Renditions.POSTERS
    ):
        time.sleep(0.1)
    assert sum(1 for _ in services.places.renditions.rglob("*.webp")) == count


def run_scan(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """A scan of files that are all known and unchanged, against walking and stat-ing them."""
    small = clips.make(folder / "small.mp4", seconds=0.2).read_bytes()
    for number in range(FILES):
        path = folder / "video" / f"cam{number // 10_000}" / f"{number // 1000}" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(small, number))
    ratios = []
    with catalogued(folder, workers=0) as services:
        scan(services, accept_missing=False, accept_root=False, out=io.StringIO())
        for _ in range(rounds):
            began = time.perf_counter()
            assert _bare_walk(str(folder / "video")) == FILES
            ceiling = time.perf_counter() - began
            began = time.perf_counter()
            assert (
                sum(
                    1
                    for difference in reconcile(services.root, services.catalog, lambda *_: None)
                    if not difference[1]
                )
                == FILES
            )
            ratios.append((time.perf_counter() - began) / ceiling)
    return [(f"scan of {FILES:,} unchanged files ÷ bare scandir with stat", ratios, "≤ 3")]


def run_collection(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Adopting a collection of every way of naming at once, against a walk that only reads each file's boxes."""
    small = clips.make(folder / "small.mp4", seconds=0.2).read_bytes()
    chance = random.Random(41)
    presets = [p for p in shipped() if p.role is Role.CLIP and p.automatic and p.base is not Base.NONE]
    keys: set[str] = set()
    while len(keys) < COLLECTION:
        preset = chance.choice(presets)
        start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(2 * 366 * 86400))
        text = write(Template(chance.choice(preset.paths)).tokens, start, start + timedelta(seconds=30), chance)
        keys.add(f"{preset.name}/{text}.{preset.suffixes[0] if preset.suffixes else 'mp4'}")
    for number, key in enumerate(sorted(keys)):
        path = folder / "video" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(small, number))
    ratios, rates = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        assert _walk_boxes(str(folder / "video")) == COLLECTION
        ceiling = time.perf_counter() - began
        with catalogued(folder, workers=0) as services:
            began = time.perf_counter()
            scan(services, accept_missing=False, accept_root=False, out=io.StringIO())
            took = time.perf_counter() - began
            ratios.append(ceiling / took)
            rates.append(COLLECTION / took / 1000)
            assert services.catalog.clips.listed_count() == COLLECTION
            named = sa.select(sa.func.count()).where(clips_table.c.time_source == "name")
            with services.catalog.database.engine.connect() as connection:
                share = connection.execute(named).scalar_one() / COLLECTION
    return [
        (f"adopting {COLLECTION:,} mixed files ÷ a walk that reads boxes", ratios, ""),
        ("… thousand files a second, on this machine", rates, ""),
        ("… of them, with the time from the name", [share], ""),
    ]


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder that does not begin with a dot."""
    stack = [folder]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                elif entry.name[0] != ".":
                    yield entry


def _walk_boxes(folder: str) -> int:
    count = 0
    for entry in _files(folder):
        fd = os.open(entry.path, os.O_RDONLY)
        read_movie(fd, entry.stat(follow_symlinks=False).st_size)
        os.close(fd)
        count += 1
    return count


def _bare_walk(folder: str) -> int:
    return sum(entry.stat(follow_symlinks=False).st_size > 0 for entry in _files(folder))
