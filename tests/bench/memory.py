"""What the unit holds in memory when nobody asks anything: the proportional set size of each part."""

from __future__ import annotations

import time
from pathlib import Path

from tests import clips
from tests.running import RENDER, RunningUnit, running, wait_for

PARTS = ("nginx", "uWSGI, 2 × 4 threads", "ingester")
WHOLE = "the whole unit"


def by_part(unit: RunningUnit) -> dict[str, float]:
    """The proportional set size of each part of a unit now, in MB; workers count for the ingester."""
    parts = dict.fromkeys([*PARTS, WHOLE], 0.0)
    for pid, command in unit.family().items():
        part = "nginx" if "nginx" in command[:12] else "ingester"
        if "pyuwsgi" in command:
            part = "uWSGI, 2 × 4 threads"
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it ended meanwhile
            continue
        size = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0) / 1024
        parts[part] += size
        parts[WHOLE] += size
    return parts


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """MB by part, after some clips were adopted, listed and given posters."""
    totals: dict[str, list[float]] = {part: [] for part in (*PARTS, WHOLE)}
    for number in range(min(rounds, 3)):
        with running(folder / str(number)) as unit:
            for clip in range(10):
                clips.make(unit.video / f"cam{clip % 3}" / f"{clip}.mp4", number=clip)
            wait_for(lambda unit=unit: len([c for c in unit.clips() if c["poster_url"]]) == 10, what="posters")
            for _ in range(20):
                unit.get("/watcher/")
                unit.get("/watcher/clips")
            wait_for(lambda unit=unit: not any(RENDER in c for c in unit.family().values()), what="idle workers")
            time.sleep(1)
            parts = by_part(unit)
            for part, size in parts.items():
                totals[part].append(size)
    targets = {WHOLE: "< 100"}
    return [(f"idle memory of {part}, MB (PSS)", values, targets.get(part, "")) for part, values in totals.items()]
