"""What questions cost, as ratios to a bare WSGI hello of the same run: few clips and many, on both engines.

`WATCHER_BENCH_CLIPS=10000000` takes another number for many; it takes 100 s to fill in a million.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from tests import postgres
from tests.bench.serving import plain_nginx, wrk
from tests.running import running
from watcher import config, demo
from watcher.wiring import open_services

FEW, MANY = 10_000, int(os.environ.get("WATCHER_BENCH_CLIPS", "1000000"))
# Each question with other values each time, so that no answer is one that was given before; but for the first.
QUESTIONS = {
    "the newest 50, asked again and again": ("'/watcher/clips?limit=50'", "≥ 0.25"),
    "the newest 50 of a camera, any of a thousand lengths": (
        "'/watcher/clips?limit=50&camera=cam0' .. r(0, 9) .. '&min_duration=' .. r(1, 999) / 1000",
        "≥ 0.25",
    ),
    "50 of a camera, deep in the past": (
        "string.format('/watcher/clips?limit=50&camera=cam%02d&to=2026-%02d-%02dT%02d:%02d:%02dZ',"
        " r(0, 9), r(1, 9), r(1, 28), r(0, 23), r(0, 59), r(0, 59))",
        "≥ 0.25, PostgreSQL ≥ 0.15",
    ),
    "20, deep in the past": (
        "string.format('/watcher/clips?limit=20&to=2026-%02d-%02dT%02d:%02d:%02dZ',"
        " r(1, 9), r(1, 28), r(0, 23), r(0, 59), r(0, 59))",
        "",
    ),
    "50 by a word": (
        "string.format('/watcher/clips?limit=50&q=cam%02d&max_duration=%d.%03d', r(0, 9), r(30, 59), r(0, 999))",
        "",
    ),
    "one clip": ("'/watcher/clips/' .. r(1, {rows})", "≥ 0.35"),
    "50 changes since any": ("'/watcher/changes?limit=50&since=' .. r(1, {rows} - 100)", ""),
    "the timeline of a year, by day": (
        "string.format('/watcher/timeline?from=2025-11-01T%02d:%02d:%02dZ&to=2026-11-01T00:00:00Z&camera=cam%02d',"
        " r(0, 23), r(0, 59), r(0, 59), r(0, 9))",
        "≥ 0.2",
    ),
    "the head of the changes": ("'/watcher/changes/head'", ""),
}
# Shared by nginx for a second among those who say that it may be so old, against a file of the same size.
SHARED = {"the newest 50": "/watcher/clips?limit=50", "the head of the changes": "/watcher/changes/head"}
SHARED_SCRIPT = """
request = function() return wrk.format("GET", nil, {["Cache-Control"] = "max-age=1"}) end
"""
SCRIPT = """
math.randomseed({seed})
local r = math.random
request = function() return wrk.format("GET", {path}) end
"""


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Requests a second, as ratios; and how much slower the larger catalog is."""
    few = _asked(folder / "few", FEW, rounds, {})
    many = _asked(folder / "many", MANY, rounds, {})
    found = {f"{FEW:,} clips": few, f"{MANY:,} clips": many}
    if postgres.installed():
        with postgres.server() as url:
            rows = min(MANY, 1_000_000)
            there = _asked(folder / "postgresql", rows, rounds, {"WATCHER_CATALOG__URL": url})
        found[f"{rows:,} on PostgreSQL"] = there
    table = [
        (f"{name}, {where} ÷ hello", ratios[name], target)
        for name, (_, target) in QUESTIONS.items()
        for where, ratios in found.items()
    ]
    table += [
        (f"{name}, shared for a second ÷ nginx's file of the same size", few[f"shared {name}"], "≥ 0.7")
        for name in SHARED
    ]
    table += [
        (
            f"{name}: {FEW:,} ÷ {MANY:,} clips",
            [statistics.median(few[name]) / statistics.median(many[name])],
            "≤ 1.3",
        )
        for name in QUESTIONS
    ]
    return table


def _asked(folder: Path, rows: int, rounds: int, settings: dict[str, str]) -> dict[str, list[float]]:
    """Each question's ratios, of a catalog with so many clips."""
    found: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    folder.mkdir()
    with running(folder / "unit", settings=settings | {"WATCHER_RENDER__WORKERS": "0"}) as unit:
        services = open_services(config.load(settings).settings, unit.data)
        demo.fill(services, rows)
        services.catalog.engine.dispose()
        port, processes = plain_nginx(folder / "plain", unit, cache=False)
        try:
            for number in range(rounds):
                hello = wrk(folder, f"http://127.0.0.1:{port}/hello", "")
                for name, (path, _) in QUESTIONS.items():
                    script = SCRIPT.format(seed=number + 1, path=path.replace("{rows}", str(rows)))
                    found[name].append(wrk(folder, unit.url("/"), script) / hello)
                for name, address in SHARED.items():
                    (unit.video / "static.json").write_bytes(unit.get(address).content)
                    file = wrk(folder, f"http://127.0.0.1:{port}/static.json", "")
                    shared = wrk(folder, unit.url(address), SHARED_SCRIPT)
                    found.setdefault(f"shared {name}", []).append(shared / file)
        finally:
            for process in processes:
                process.terminate()
                process.wait()
    return found
