"""Who reads slowly, or not at all, costs some megabytes of the disk, and keeps nobody waiting."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import RunningUnit, wait_for
from watcher.web.api.playlists import WHOLE_MOST
from watcher.web.http.turns import ONE_MOST

MOST = 24  # answers that nginx keeps for one address
NOISE = (
    "-f lavfi -i nullsrc=s=640x360:r=10:d={},geq=random(1)*255:128:128 -c:v libx264 -preset ultrafast -qp 0 -g 900"
)


def film(unit: RunningUnit, name: str, seconds: int) -> str:
    """The address of the only segment of a clip of noise, which has 3.6 MB a second."""
    path = unit.video / "porch" / name
    path.parent.mkdir(exist_ok=True)
    file = unit.folder / name
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *NOISE.format(seconds).split(), str(file)], check=True, timeout=120
    )
    path.write_bytes(file.read_bytes())
    clip = unit.wait_clip(f"porch/{name}", state="ready")
    return f"{clip['links']['self']}/segment.m4s?begin=0"


def on_disk(unit: RunningUnit) -> int:
    """Bytes of the files that nginx has taken the names of, and holds."""
    total = 0
    for pid, command in unit.family().items():
        if command.startswith("nginx: worker"):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if "/nginx/uwsgi/" in os.readlink(entry):
                        total += entry.stat().st_blocks * 512
    return total


def begin(unit: RunningUnit, path: str, stack: contextlib.ExitStack) -> http.client.HTTPResponse:
    """Ask, and read nothing but what comes before the body."""
    asking = stack.enter_context(socket.socket())
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asking.settimeout(60)
    asking.connect(("127.0.0.1", unit.port))
    asking.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = stack.enter_context(contextlib.closing(http.client.HTTPResponse(asking)))
    answer.begin()
    return answer


@pytest.mark.slow
def test_slow_readers_of_segments(start_unit: Callable[..., RunningUnit]) -> None:
    """Of one address so many, also of loopback, each of which costs what a small segment has; large ones cost nothing.

    Large ones are read in turns: nobody else's answers wait for who reads none of it.
    """
    unit = start_unit()
    small, large = film(unit, "small.mp4", 2), film(unit, "large.mp4", 5)
    whole = {address: unit.get(address) for address in (small, large)}
    assert len(whole[small].content) <= WHOLE_MOST < len(whole[large].content)
    for answer in whole.values():
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        assert answer.headers["Cache-Control"].startswith("private, max-age")
    with contextlib.ExitStack() as stack:
        answers = [begin(unit, large, stack) for _ in range(ONE_MOST + 2)]
        assert [answer.status for answer in answers] == [200] * ONE_MOST + [429] * 2
        assert unit.get("/watcher/clips").status_code == 200
        assert on_disk(unit) == 0
        assert answers[0].read() == whole[large].content
    with contextlib.ExitStack() as stack:

        def free() -> bool:
            answer = unit.get(small)
            return answer.status_code == 200

        wait_for(free, what="that nginx has forgotten those who left")
        answers = [begin(unit, small, stack) for _ in range(MOST + 6)]
        statuses = [answer.status for answer in answers]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) <= MOST
        assert unit.get("/watcher/clips").status_code == 200
        cost = on_disk(unit)
        print(f"{statuses.count(200)} slow readers of {len(whole[small].content):,} bytes: {cost:,} on the disk")
        assert cost <= MOST * WHOLE_MOST
        assert answers[0].read() == whole[small].content
