"""Many cameras that send slowly, beside people who look; and one body that is larger than memory."""

from __future__ import annotations

import http.client
import os
import selectors
import socket
import statistics
import threading
import time
from pathlib import Path

from tests import clips
from tests.running import RunningUnit, running

SENDERS = 200
BYTES_A_SECOND = 50_000
SECONDS = 20
LARGE = (4 << 30) - (1 << 20)


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """The p95 of a list beside slow senders ÷ alone; and what a body of 4 GB costs Python in MB of memory."""
    slowed: list[float] = []
    grown: list[float] = []
    with running(folder / "unit", settings={"WATCHER_RENDER__WORKERS": "0"}) as unit:
        sample = clips.make(folder / "sample.mp4").read_bytes()
        for number in range(60):
            (unit.video / f"{number}.mp4").write_bytes(clips.stamp(sample, number))
        p95_of_a_list(unit, 3)
        for number in range(rounds):
            alone = p95_of_a_list(unit, SECONDS / 2)
            senders = _Senders(unit, number)
            senders.start()
            slowed.append(p95_of_a_list(unit, SECONDS) / alone)
            senders.join()
        _send_large(unit, sample, 1 << 20, "small")
        before = _python_memory(unit)
        _send_large(unit, sample, LARGE, "large")
        grown.append(_python_memory(unit) - before)
    return [
        (f"list of 50, p95 beside {SENDERS} slow senders ÷ alone", slowed, "≤ 1.5"),
        ("a body of 4 GB after one of 1 MB: MB that Python grew by", grown, "≤ 5"),
    ]


def p95_of_a_list(unit: RunningUnit, seconds: float) -> float:
    """The 95th percentile of the time for a list that nobody asked before, in seconds, at a steady pace."""
    took = []
    connection = http.client.HTTPConnection("127.0.0.1", unit.port)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("GET", f"/watcher/clips?min_duration={time.time() % 1:.6f}")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
        time.sleep(0.02)
    connection.close()
    return statistics.quantiles(took, n=20)[-1]


class _Senders(threading.Thread):
    """Connections that each send so many bytes a second and never end; closed at the end, so nothing is kept."""

    def __init__(self, unit: RunningUnit, number: int) -> None:
        super().__init__()
        self._port, self._number = unit.port, number
        head = "PUT /watcher/uploads/slow/{}.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n"
        self._sockets = []
        for sender in range(SENDERS):
            connection = socket.create_connection(("127.0.0.1", self._port))
            connection.sendall(head.format(f"{number}-{sender}").encode())
            connection.setblocking(False)
            self._sockets.append(connection)

    def run(self) -> None:
        piece = bytes(BYTES_A_SECOND // 10)
        until = time.monotonic() + SECONDS
        due = time.monotonic()
        with selectors.DefaultSelector() as ready:
            for connection in self._sockets:
                ready.register(connection, selectors.EVENT_WRITE)
            while time.monotonic() < until:
                for key, _ in ready.select(0):
                    key.fileobj.send(piece)  # type: ignore[union-attr]
                due += 0.1
                time.sleep(max(0.0, due - time.monotonic()))
        for connection in self._sockets:
            connection.close()


def _send_large(unit: RunningUnit, sample: bytes, size: int, name: str) -> None:
    """A clip with a free box behind it, sent as one body."""
    connection = http.client.HTTPConnection("127.0.0.1", unit.port, timeout=600)
    connection.putrequest("PUT", f"/watcher/uploads/bodies/{name}.mp4")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    rest = size - len(sample)
    connection.send(sample + rest.to_bytes(4, "big") + b"free")
    rest -= 8
    piece = os.urandom(1 << 20)
    while rest:
        connection.send(piece[: min(rest, len(piece))])
        rest -= min(rest, len(piece))
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()


def _python_memory(unit: RunningUnit) -> float:
    """MB of uWSGI's processes, shared pages divided among them."""
    total = 0
    for pid, command in unit.family().items():
        if "pyuwsgi" in command:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
    return total / 1024
