"""Several clips as one zip, for readers who are slow, and for names that archives are seldom asked to hold."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable
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
        for process in [subprocess.Popen(cut) for _ in range(8)]:
            assert process.wait() in {22, 28}  # refused, or out of time
        # That somebody is gone shows when the next piece is written.
        wait_for(
            lambda: requests.head(address, timeout=60).status_code == 200, what="a turn of those who were cut off"
        )
        for _ in range(12):
            assert requests.head(address, timeout=60).status_code == 200
        assert curl.wait(120) == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == [ODD]
        assert archive.read(ODD) == body


def test_four_who_read_too_slowly_keep_nobody_away(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Two keys' take three turns, so another's reader has its zip at once; who takes the last one is ended soon."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    path = unit.video / "porch" / "1.mp4"
    path.parent.mkdir()
    path.write_bytes(padded((samples / "plain.mp4").read_bytes(), 60 << 20))
    keys = {}
    for name in ("slow", "slower", "slowest", "bound"):
        bound = ("--camera", "porch") if name == "bound" else ()
        keys[name] = unit.run("key", "create", name, "--role", "view", *bound).stdout.strip()
    own = {"Authorization": f"Bearer {keys['bound']}"}

    def known() -> dict | None:
        answer = unit.get("/watcher/clips/by-key/porch/1.mp4", headers=own)
        return answer.json() if answer.status_code == 200 and answer.json()["state"] == "ready" else None

    address = f"/watcher/clips.zip?id={wait_for(known, what='the clip')['id']}"

    def begun(stack: contextlib.ExitStack, name: str) -> tuple[socket.socket, int]:
        """A reader who takes next to nothing, and the status that it was told."""
        reading = stack.enter_context(socket.socket())
        reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reading.settimeout(30)
        reading.connect(("127.0.0.1", unit.port))
        lines = [f"GET {address} HTTP/1.1", "Host: x", f"Authorization: Bearer {keys[name]}", "", ""]
        reading.sendall("\r\n".join(lines).encode())
        return reading, int(reading.recv(12).split()[1])

    def whole() -> bool:
        with unit.get(address, headers=own, stream=True) as answer:
            assert answer.status_code in {200, 429, 503}
            return answer.status_code == 200 and sum(map(len, answer.iter_content(1 << 20))) > 60 << 20

    with contextlib.ExitStack() as stack:
        readers = [begun(stack, "slow") for _ in range(4)]
        assert sorted(status for _, status in readers)[:2] == [200, 200]
        assert all(status != 200 for _, status in readers[2:])
        assert whole()
        readers += [begun(stack, "slower") for _ in range(2)]
        assert whole()
        readers.append(begun(stack, "slowest"))
        assert not whole()
        slow = [reader for reader, status in readers if status == 200]
        assert len(slow) == 4
        began = time.monotonic()

        def let_in() -> bool:
            time.sleep(1)
            for reader in slow:  # a drip, so that nginx sees them alive
                with contextlib.suppress(OSError):
                    reader.recv(512)
            return whole()

        wait_for(let_in, seconds=150, what="the end of those who read too slowly")
        print(f"four slow readers were ended after {time.monotonic() - began:.0f} s")
