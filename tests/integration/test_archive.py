"""Several clips as one zip, for readers who are slow, and for names that archives are seldom asked to hold."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest
import requests

from tests.running import RunningUnit, wait_for

ODD = "odd/ä 😀 'q\" #?%41.mp4"
SLOW = 1 << 20  # bytes a second

pytestmark = pytest.mark.slow


def padded(clip: bytes, size_bytes: int) -> bytes:
    """The same clip, larger by a box that players skip."""
    rest = size_bytes - len(clip)
    return clip + rest.to_bytes(4, "big") + b"free" + os.urandom(rest - 8)


def test_a_zip_may_take_longer_than_any_other_answer(unit: RunningUnit, samples: Path, tmp_path: Path) -> None:
    """Read at the pace of a slow link it is whole; those who were cut off or only asked for its head take no turn."""
    body = padded((samples / "plain.mp4").read_bytes(), 44 * SLOW)  # 8 MB of them wait in sockets
    path = unit.video / ODD
    path.parent.mkdir()
    path.write_bytes(body)
    address = unit.url(f"/watcher/clips.zip?id={unit.wait_clip(ODD, state='ready')['id']}")
    command = ["curl", "-sSf", "--limit-rate", str(SLOW), "-o", str(tmp_path / "a.zip"), address]
    with subprocess.Popen(command) as curl:
        wait_for((tmp_path / "a.zip").exists, what="the first bytes")  # or one of the others had its turn
        cut = ["curl", "-sf", "--limit-rate", "200k", "-m", "2", "-o", os.devnull, address]
        for one in [subprocess.Popen(cut) for _ in range(8)]:
            assert one.wait() in {22, 28}  # refused, or out of time
        for _ in range(12):
            assert requests.head(address, timeout=10).status_code == 200
        assert curl.wait(120) == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == [ODD]
        assert archive.read(ODD) == body
