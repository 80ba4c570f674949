"""What a second node brings that only looks at clips: the rate of two, divided by that of one.

Both are processes of this machine, on one catalog in PostgreSQL: two nodes have two machines, so that the ratio here can be no
more than what is idle besides. A number of clips from WATCHER_BENCH_CLIPS; the model is the one that `make labels` made.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests import clips
from tests.bench.labels import MODEL, samples
from tests.nodes import Shared
from tests.postgres import server
from tests.running import wait_for

CLIPS = int(os.environ.get("WATCHER_BENCH_CLIPS", "120"))


def run(folder: Path, rounds: int) -> Iterator[tuple[str, list[float], str]]:
    """Clips a minute of one and of two, their ratio, and what else the machine has to do."""
    if not MODEL.is_file():
        sys.exit("there is no model to measure: make labels")
    with server() as url:
        shared = Shared(folder, url, MODEL)
        films = [path.read_bytes() for path in samples(folder).values()]
        for number in range(CLIPS):
            path = shared.services.places.video / f"cam{number % 5}/2026-11-21/{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clips.stamp(films[number % len(films)], number))
        with shared.process():
            shared.catalogued(CLIPS, seconds=CLIPS + 120.0)
        load = [os.getloadavg()[0]]
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for nodes, measured in rates.items():
                measured.append(_rate(shared, nodes))
            load.append(os.getloadavg()[0])
        shared.close()
    yield f"{CLIPS} clips looked at by one node that does nothing else: clips a minute", rates[1], ""
    yield "… by two on this machine", rates[2], ""
    yield "… two ÷ one", [two / one for one, two in zip(rates[1], rates[2], strict=True)], ""
    yield f"… load of the machine, which has {os.cpu_count()} processors", load, ""


def _rate(shared: Shared, nodes: int) -> float:
    """Clips a minute, from the first that is done."""
    done = "inspections WHERE done_ms IS NOT NULL"
    shared.services.catalog.inspections.forget()
    with contextlib.ExitStack() as stack:
        for _ in range(nodes):
            stack.enter_context(shared.labelling())
        wait_for(lambda: shared.count(done) >= nodes, seconds=120, what="the first looks")
        began, first = time.monotonic(), shared.count(done)
        wait_for(lambda: shared.count(done) == CLIPS, seconds=CLIPS * 5.0, what="all clips looked at")
        minutes = (time.monotonic() - began) / 60
    shared.do("DELETE FROM claims")
    return (CLIPS - first) / minutes
