"""What questions cost at ten thousand and at a million clips, as ratios to a bare WSGI hello of the same run."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.bench.serving import plain_nginx, wrk
from tests.running import running
from watcher import config, demo
from watcher.wiring import open_services

SIZES = (10_000, 1_000_000)
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
        "≥ 0.25",
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
SCRIPT = """
math.randomseed({seed})
local r = math.random
request = function() return wrk.format("GET", {path}) end
"""


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Requests a second, as ratios; and how much slower the larger catalog is."""
    found: dict[tuple[str, int], list[float]] = {}
    for rows in SIZES:
        with running(folder / f"unit{rows}", settings={"WATCHER_RENDER__WORKERS": "0"}) as unit:
            services = open_services(config.load({}).settings, unit.data)
            demo.fill(services, rows)
            services.catalog.engine.dispose()
            port, processes = plain_nginx(folder / f"plain{rows}", unit, cache=False)
            try:
                for number in range(rounds):
                    hello = wrk(folder, f"http://127.0.0.1:{port}/hello", "")
                    for name, (path, _) in QUESTIONS.items():
                        script = SCRIPT.format(seed=number + 1, path=path.replace("{rows}", str(rows)))
                        rate = wrk(folder, unit.url("/"), script)
                        found.setdefault((name, rows), []).append(rate / hello)
            finally:
                for process in processes:
                    process.terminate()
                    process.wait()
    table = [
        (f"{name}, {rows:,} clips ÷ hello", found[name, rows], target)
        for name, (_, target) in QUESTIONS.items()
        for rows in SIZES
    ]
    small, large = SIZES
    table += [
        (
            f"{name}: {small:,} ÷ {large:,} clips",
            [statistics.median(found[name, small]) / statistics.median(found[name, large])],
            "≤ 1.3",
        )
        for name in QUESTIONS
    ]
    return table
