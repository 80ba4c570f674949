"""Uploads that are cut at random points: what was acknowledged is there and whole, nothing else is ever listed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for

CUTS = 200
PADDING = 400_000  # bytes that make a clip long enough to be cut


def padded(data: bytes) -> bytes:
    return data + (PADDING + 8).to_bytes(4, "big") + b"free" + bytes(PADDING)


def send_cut(unit: RunningUnit, key: str, data: bytes, at: int) -> None:
    """A client that dies after so many bytes."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", unit.port), timeout=10) as connection:
        head = f"PUT /watcher/uploads/{key} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall((head.encode() + data)[:at])


def send(unit: RunningUnit, key: str, data: bytes, acknowledged: dict[str, bytes]) -> None:
    """A client that lives, whatever becomes of the server; what is acknowledged counts."""
    with contextlib.suppress(requests.RequestException):
        answer = requests.put(unit.url(f"/watcher/uploads/{key}"), data=data, timeout=20)
        if answer.status_code in {200, 201}:
            acknowledged[key] = data


@pytest.mark.slow
def test_two_hundred_cuts(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Of clients, of nginx, of uWSGI's workers, at any byte; then everything is sent again, and is there once."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    chance = random.Random(5)
    source = (samples / "plain.mp4").read_bytes()
    acknowledged: dict[str, bytes] = {}
    everything: dict[str, bytes] = {}
    listed_wrong: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            with contextlib.suppress(requests.RequestException, KeyError, ValueError):
                listed_wrong.extend(
                    clip["key"]
                    for clip in unit.clips()
                    if clip["state"] != "ready" or clip["size_bytes"] != len(everything[clip["key"]])
                )
            time.sleep(0.2)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(CUTS):
            key = f"cut/{number}.mp4"
            data = everything[key] = padded(clips.stamp(source, number))
            kind = chance.randrange(4)
            if kind == 0:
                send_cut(unit, key, data, chance.randrange(len(data)))
                continue
            sending = threading.Thread(target=send, args=(unit, key, data, acknowledged))
            sending.start()
            if kind > 1:
                time.sleep(chance.random() * 0.02)
                victim = "nginx: worker" if kind == 2 else "pyuwsgi"
                for pid, command in unit.family().items():
                    if victim in command and pid != unit.process.pid:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                        break
            sending.join()
    finally:
        done.set()
        looking.join()
    assert len(acknowledged) > CUTS / 8
    for key, data in acknowledged.items():
        assert (unit.video / key).read_bytes() == data, key
    for path in unit.video.rglob("*.mp4"):
        assert path.read_bytes() == everything[str(path.relative_to(unit.video))], path
    assert listed_wrong == []
    wait_for(lambda: requests.get(unit.url("/watcher/livez"), timeout=10).status_code == 200, what="the service")
    for key, data in everything.items():
        assert requests.put(unit.url(f"/watcher/uploads/{key}"), data=data, timeout=30).status_code in {200, 201}, (
            key
        )
    assert {clip["key"]: clip["size_bytes"] for clip in unit.clips()} == {k: len(d) for k, d in everything.items()}
    for path in (unit.data / "spool").rglob("*"):  # what a killed nginx left behind expires
        if path.is_file():
            os.utime(path, (1, 1))
    unit.stop()
    unit.start()
    wait_for(lambda: not [p for p in (unit.data / "spool").rglob("*") if p.is_file()], what="an empty spool")
