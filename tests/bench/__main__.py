"""Run the benchmarks and print a table."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.bench import cold, ingest, labels, memory, nodes, page, questions, renditions, senders, serving, upload

CASES: dict[str, Callable[[Path, int], Iterable[tuple[str, list[float], str]]]] = {
    "ingest": ingest.run,
    "scan": ingest.run_scan,
    "collection": ingest.run_collection,
    "serving": serving.run,
    "cold": cold.run,
    "questions": questions.run,
    "upload": upload.run,
    "senders": senders.run,
    "page": page.run,
    "renditions": renditions.run,
    "memory": memory.run,
    "labels": labels.run,
    "labelling": labels.run_unit,
    "labelling-nodes": nodes.run,
}


def main() -> None:
    """Print one row for each case: the median ratio, its range, the target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"{'case':<74} {'median':>8} {'range':>16}  target")
    for name in args.cases or CASES:
        with tempfile.TemporaryDirectory(prefix="watcher-bench-") as folder:
            for title, values, target in CASES[name](Path(folder), args.rounds):
                low, high = min(values), max(values)
                print(
                    f"{title:<74} {statistics.median(values):>8.2f} {low:>7.2f} …{high:>7.2f}  {target}", flush=True
                )


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("the benchmarks read /proc")
    subprocess.run(["sync"], check=False)
    main()
