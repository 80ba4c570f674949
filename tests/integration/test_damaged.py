"""A catalog that is not whole, or not there any more: it is told of, what can goes on, and the guide's way leads back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for

GUIDE = Path(__file__).parents[2] / "guide" / "damaged.md"


def fill(unit: RunningUnit, samples: Path) -> None:
    """Some clips, enough for a catalog of many pages, and a label."""
    data = (samples / "plain.mp4").read_bytes()
    (unit.video / "porch").mkdir()
    for number in range(60):
        (unit.video / "porch" / f"20261120_0700{number:02}.mp4").write_bytes(clips.stamp(data, number))
    wait_for(lambda: len(unit.clips()) == 60, what="60 clips")
    requests.put(unit.url(f"{unit.clips()[0]['links']['self']}/labels/fox"), timeout=10).raise_for_status()


def overwrite(unit: RunningUnit) -> None:
    """What a failing disk does to the pages in the middle of the catalog."""
    path = unit.data / "catalog.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(os.urandom(size // 3))


def commands(*patterns: str) -> list[str]:
    """Those of the guide's commands that begin so."""
    blocks = re.findall(r"\n\n((?:    .*\n)+)", GUIDE.read_text())
    lines = [line for block in blocks for line in textwrap.dedent(block).splitlines()]
    return [line for line in lines if line.startswith(patterns)]


@pytest.mark.slow
@pytest.mark.parametrize("backup", [True, False], ids=["with a backup", "from the files"])
def test_damage_is_told_and_the_guide_leads_back(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, *, backup: bool
) -> None:
    """Pages are overwritten: doctor, readyz and the log say so, clips play; afterwards all clips are listed again."""
    unit = start_unit()
    fill(unit, samples)
    saved = tmp_path / "watcher.tar.gz"
    assert unit.run("backup", str(saved)).returncode == 0
    unit.stop()
    overwrite(unit)
    report = unit.run("doctor")
    assert report.returncode == 1
    assert "damaged" in report.stdout
    assert "guide/damaged.md" in report.stdout
    unit.spawn()

    def says() -> str | None:
        assert unit.process is not None
        if unit.process.poll() is not None:  # too damaged to be opened at all
            return unit.console()
        try:
            return unit.get("/watcher/readyz").json()["checks"]["catalog"]
        except requests.RequestException:
            return None

    wait_for(lambda: "damaged" in (says() or ""), what="a word about the damage")
    assert unit.process is not None
    if unit.process.poll() is None:
        assert unit.get("/porch/20261120_070001.mp4").status_code == 200
        assert {unit.get(f"/watcher/clips?limit={limit}").status_code for limit in (1, 50, 500)} <= {200, 503}
        wait_for(lambda: "damaged" in unit.logged(), what="the log's word")
        unit.stop()

    environment = {**unit.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for line in commands("mkdir", "mv", "watcher restore" if backup else "watcher scan --accept-root"):
        words = line.replace("/backups/watcher.tar.gz", str(saved))
        done = subprocess.run(words, shell=True, cwd=unit.data, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    unit.start()
    wait_for(lambda: len(unit.clips()) == 60 and unit.problems() == {}, what="all of it, well again")
    assert bool(unit.clips(label="fox")) is backup


@pytest.mark.slow
def test_a_file_that_is_removed_or_replaced_is_not_written_into(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """What would be written is lost otherwise: it is refused and told, until the file is back."""
    unit = start_unit()
    fill(unit, samples)
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 1000)
    path, away = unit.data / "catalog.db", unit.data / "away.db"
    for replace in (False, True):
        path.rename(away)
        if replace:
            shutil.copy(away, path)
        wait_for(lambda: "removed or replaced" in unit.problems().get("catalog", ""), what="readyz' word")
        sent = requests.put(unit.url("/watcher/uploads/porch/late.mp4"), data=data, timeout=30)
        assert (sent.status_code, sent.json()["code"]) == (503, "catalog_damaged")
        wait_for(lambda: unit.get("/watcher/clips").status_code == 503, what="a refusal of lists")
        assert unit.get("/porch/20261120_070001.mp4").status_code == 200
        assert path.exists() is replace, "nobody makes an empty one in its place"
        path.unlink(missing_ok=True)
        away.rename(path)
        wait_for(lambda: unit.get("/watcher/clips").status_code == 200, what="the lists")
        sent = requests.put(unit.url("/watcher/uploads/porch/late.mp4"), data=data, timeout=30)
        assert sent.status_code in {200, 201}, sent.text
