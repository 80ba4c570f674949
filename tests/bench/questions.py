"""What questions cost, as ratios to a bare WSGI hello of the same run: few clips and many, on both engines.

`WATCHER_BENCH_CLIPS=10000000` takes another number for many; it takes 80 s to fill in a million, and a gigabyte of memory
to keep it there: a catalog that is larger than the memory is as quick as its disk.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from tests import postgres
from tests.bench.serving import plain_nginx, wrk
from tests.running import RunningUnit, running
from watcher.ops import demo
from watcher.services import Services, open_services
from watcher.settings.load import load

FEW, MANY = 10_000, int(os.environ.get("WATCHER_BENCH_CLIPS", "1000000"))


class Question(NamedTuple):
    """A question with random values (Lua), and the targets for asking with one choice of them, and with any."""

    path: str
    again: str = ""
    any: str | None = ""  # None: there is nothing to choose


QUESTIONS = {
    "the newest 50": Question("'/watcher/clips?limit=50'", "≥ 0.25", None),
    "the newest 50 of a camera, any of a thousand lengths": Question(
        "'/watcher/clips?limit=50&camera=cam0' .. r(0, 9) .. '&min_duration=' .. r(1, 999) / 1000",
        "≥ 0.25, PostgreSQL ≥ 0.15",
    ),
    "50 of a camera, deep in the past": Question(
        "string.format('/watcher/clips?limit=50&camera=cam%02d&to=2026-%02d-%02dT%02d:%02d:%02dZ',"
        " r(0, 9), r(1, 9), r(1, 28), r(0, 23), r(0, 59), r(0, 59))",
        "≥ 0.25, PostgreSQL ≥ 0.15",
    ),
    "50 by a word": Question(
        "string.format('/watcher/clips?limit=50&q=cam%02d&max_duration=%d.%03d', r(0, 9), r(30, 59), r(0, 999))"
    ),
    "one clip": Question("'/watcher/clips/' .. r(1, {rows})", "≥ 0.35", "≥ 0.35"),
    "50 changes since any": Question("'/watcher/changes?limit=50&since=' .. r(1, {rows} - 100)"),
    "the timeline of a year, by day": Question(
        "string.format('/watcher/timeline?from=2025-11-01T%02d:%02d:%02dZ&to=2026-11-01T00:00:00Z&camera=cam%02d',"
        " r(0, 23), r(0, 59), r(0, 59), r(0, 9))",
        "≥ 0.2",
        "≥ 0.2",
    ),
    "the head of the changes": Question("'/watcher/changes/head'", "", None),
}
WAYS = {"asked again and again": True, "with any values": False}
# Shared by nginx for a second among those who say that it may be so old, against a file of the same size.
SHARED = {"the newest 50": "/watcher/clips?limit=50", "the head of the changes": "/watcher/changes/head"}
SHARED_SCRIPT = """
request = function() return wrk.format("GET", nil, {["Cache-Control"] = "max-age=1"}) end
"""
SCRIPT = """
math.randomseed({seed})
local r = math.random
local one = function() return {path} end
{fixed}
request = function() return wrk.format("GET", one(), {{{headers}}}) end
"""
FIXED = "local chosen = one(); one = function() return chosen end"


class Sample(NamedTuple):
    """A running service with a catalog, and what was measured of it."""

    unit: RunningUnit
    rows: int
    headers: str  # Lua, of every request
    ratios: dict[tuple[str, str], list[float]]  # by question and way: requests a second ÷ hello


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Requests a second, as ratios; and how much slower the larger catalog is."""
    with contextlib.ExitStack() as stack:

        def begin(name: str, rows: int, settings: dict[str, str]) -> Sample:
            unit = stack.enter_context(running(folder / name, settings=settings | {"WATCHER_RENDER__WORKERS": "0"}))
            services = open_services(load(settings).settings, unit.data)
            demo.fill(services, rows)
            _settle(services, unit.data)
            services.catalog.database.engine.dispose()
            headers = ""
            if "WATCHER_AUTH__MODE" in settings:
                key = unit.run("key", "create", "bench", "--role", "view").stdout.split()[-1]
                headers = f'["Authorization"] = "Bearer {key}"'
            return Sample(unit, rows, headers, {})

        few, many = begin("few", FEW, {}), begin("many", MANY, {})
        all_asked = {
            f"{FEW:,} clips": few,
            f"{FEW:,} clips, with a key": begin("keys", FEW, {"WATCHER_AUTH__MODE": "keys"}),
            f"{MANY:,} clips": many,
        }
        if postgres.installed():
            url, rows = stack.enter_context(postgres.server()), min(MANY, 1_000_000)
            there = begin("postgresql", rows, {"WATCHER_CATALOG__URL": url})
            all_asked[f"{rows:,} on PostgreSQL"] = there
        port, processes = plain_nginx(folder / "plain", few.unit, cache=False)
        shared: dict[str, list[float]] = {name: [] for name in SHARED}
        try:
            for number in range(rounds):
                for name, question in QUESTIONS.items():
                    for way, again in WAYS.items():
                        if again or question.any is not None:
                            hello = wrk(folder, f"http://127.0.0.1:{port}/hello", "")
                            for sample in all_asked.values():
                                script = _script(question, sample, again=again, seed=number + 1)
                                ratio = wrk(folder, sample.unit.url("/"), script) / hello
                                sample.ratios.setdefault((name, way), []).append(ratio)
                for name, address in SHARED.items():
                    (few.unit.video / "static.json").write_bytes(few.unit.get(address).content)
                    file = wrk(folder, f"http://127.0.0.1:{port}/static.json", "")
                    shared[name].append(wrk(folder, few.unit.url(address), SHARED_SCRIPT) / file)
        finally:
            for process in processes:
                process.terminate()
                process.wait()
    table = [
        (f"{name}, {way}, {where} ÷ hello", sample.ratios[name, way], _target(name, again=again))
        for name, way in few.ratios
        for again in [WAYS[way]]
        for where, sample in all_asked.items()
    ]
    table += [
        (f"{name}, shared for a second ÷ nginx's file of the same size", ratios, "≥ 0.7")
        for name, ratios in shared.items()
    ]
    table += [
        (f"{name}, {way}: {FEW:,} ÷ {MANY:,} clips", _quotients(ratios, many.ratios[name, way]), "≤ 1.3")
        for (name, way), ratios in few.ratios.items()
    ]
    return table


def _settle(services: Services, data: Path) -> None:
    """Write down what the filling left in memory, and read all once: it is not the disk that is measured."""
    if services.catalog.database.engine.dialect.name == "postgresql":
        with services.catalog.database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
    os.sync()
    if (catalog := data / "catalog.db").exists():
        with catalog.open("rb") as file:
            while file.read(1 << 24):
                pass


def _script(question: Question, sample: Sample, *, again: bool, seed: int) -> str:
    path = question.path.replace("{rows}", str(sample.rows))
    return SCRIPT.format(seed=seed, path=path, fixed=FIXED if again else "", headers=sample.headers)


def _target(name: str, *, again: bool) -> str:
    return QUESTIONS[name].again if again else QUESTIONS[name].any or ""


def _quotients(few: list[float], many: list[float]) -> list[float]:
    """Of what was measured one right after the other."""
    return [ratio / other for ratio, other in zip(few, many, strict=True)]
