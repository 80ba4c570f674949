"""The README's commands, as they stand there, on a bare image: Python and make, and nothing else."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.containers.test_containers import ROOT, checkout, clip, docker, engine

__all__ = ["checkout", "clip", "engine"]

pytestmark = pytest.mark.containers

STEPS = """
set -eu
apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends make curl >/dev/null
cp -r /source /watcher && cd /watcher
# Told to be root, it does not warn of it.
export WATCHER_UNIT__USER=root
ready() {{ for try in $(seq 600); do curl -fsS -o /dev/null "$1" 2>/dev/null && return; sleep 0.2; done; return 1; }}
keys() {{ curl -fsS http://127.0.0.1:8080/watcher/clips | grep -o '"key":"[^"]*"'; }}
{demo} & unit=$!
ready http://127.0.0.1:8080/watcher/readyz
for try in $(seq 600); do keys && break; sleep 0.2; done
kill "$unit"; wait "$unit" || true
{run} & unit=$!
ready http://127.0.0.1:8080/watcher/readyz
cp /clip.mp4 clip.mp4
{first}
for try in $(seq 600); do [ "$(keys | wc -l)" = 2 ] && break; sleep 0.2; done
keys
curl -fsS http://127.0.0.1:8080/watcher/ | grep -q '<title>'
kill "$unit"; wait "$unit" || true
"""


def commands(document: str, after: str, number: int = 0) -> str:
    """A block of commands behind some words of a document."""
    blocks = re.findall(r"(?:^    .+\n)+", (ROOT / document).read_text().split(after, 1)[1], re.MULTILINE)
    return textwrap.dedent(blocks[number])


def target(block: str, name: str) -> str:
    """One `make` of a block, without what is said of it."""
    match = re.search(rf"^(make {name})\b", block, re.MULTILINE)
    assert match
    return match[1]


def test_the_first_camera_of_the_readme(checkout: Path, clip: bytes, tmp_path: Path) -> None:
    """A demo that leaves clips; then one's own: the clip that is dropped and the one that is sent are listed."""
    (tmp_path / "clip.mp4").write_bytes(clip)
    two = commands("README.md", "## Two commands")
    five = "## The first camera in five minutes"
    steps = STEPS.format(
        demo=target(two, "demo"),
        run=target(commands("README.md", five), "run"),
        first=commands("README.md", five, 1),
    )
    (tmp_path / "steps.sh").write_text(steps)
    mounts = [f"{checkout}:/source:ro", f"{tmp_path}/clip.mp4:/clip.mp4:ro", f"{tmp_path}/steps.sh:/steps.sh:ro"]
    volumes = [word for mount in mounts for word in ("-v", mount)]
    done = docker("run", "--rm", "--init", *volumes, "python:3.11-slim-bookworm", "bash", "/steps.sh", check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    last = re.findall(r'"key":"([^"]*)"', done.stdout)[-2:]
    assert sorted(last) == ["gate/2026-11-21/070000.mp4", "porch/20261121_070000.mp4"], output[-4000:]
