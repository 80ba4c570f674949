"""What the unit holds in memory when nobody asks anything: the proportional set size of each part."""

from __future__ import annotations

import time
from pathlib import Path

from tests import clips
from tests.running import running, wait_for


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """MB by part, after some clips were adopted, listed and given posters."""
    totals: dict[str, list[float]] = {"nginx": [], "uWSGI, 2 × 4 threads": [], "ingester": [], "the whole unit": []}
    for number in range(min(rounds, 3)):
        with running(folder / str(number)) as unit:
            for clip in range(10):
                clips.make(unit.video / f"cam{clip % 3}" / f"{clip}.mp4", number=clip)
            wait_for(lambda unit=unit: len([c for c in unit.clips() if c["poster_url"]]) == 10, what="posters")
            for _ in range(20):
                unit.get("/watcher/")
                unit.get("/watcher/clips")
            wait_for(
                lambda unit=unit: not any("render_worker" in c for c in unit.family().values()), what="idle workers"
            )
            time.sleep(1)
            parts = dict.fromkeys(totals, 0.0)
            for pid, command in unit.family().items():
                part = "nginx" if "nginx" in command[:12] else "ingester"
                if "pyuwsgi" in command:
                    part = "uWSGI, 2 × 4 threads"
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                size = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
                parts[part] += size
                parts["the whole unit"] += size
            for part, size in parts.items():
                totals[part].append(size)
    targets = {"the whole unit": "< 100"}
    return [(f"idle memory of {part}, MB (PSS)", values, targets.get(part, "")) for part, values in totals.items()]
