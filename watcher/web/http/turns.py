"""Turns at what takes as long as its reader does: so many at a time, so many of one reader, over all processes.

A turn is a locked file of `run/`. The kernel frees the lock when the process ends, however it ends, so no turn
is lost; and the next one to look sees what other processes hold.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from watcher.model.errors import TooManyError

ALL_MOST, ONE_MOST = 4, 2  # of eight requests at a time; of one reader
OTHERS_LEAST = 2  # that a reader's second turn leaves free: two readers never have all
NAME_BYTES = 300
GRACE_SECONDS = 30.0  # before a reader's pace is looked at
PACE_LEAST = 32 << 10  # bytes a second, less than any link that films can be watched over
AHEAD_SECONDS = (
    120.0  # for which a quick start counts: sockets take some megabytes at once, and then for long nothing
)


class Turns:
    """Who has a turn, on this machine: several may share a data folder."""

    def __init__(self, run: Path, name: str) -> None:
        place = f"{name}.{socket.gethostname()}"
        self._gate = run / f"{place}.gate"
        self._paths = [run / f"{place}.{number}" for number in range(ALL_MOST)]

    def take(self, reader: str) -> int:
        """A turn, to be given back by `give`. Raises TooManyError if all are taken, or one reader has enough."""
        gate = _open(self._gate)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)  # for as long as it takes to look
            free: list[int] = []
            of_reader = 0
            for path in self._paths:
                descriptor = _open(path)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    free.append(descriptor)
                except BlockingIOError:
                    of_reader += os.pread(descriptor, NAME_BYTES, 0) == _name(reader)
                    os.close(descriptor)
            least = 1 if of_reader == 0 else 1 + OTHERS_LEAST
            turn = free.pop() if len(free) >= least and of_reader < ONE_MOST else None
            for descriptor in free:
                os.close(descriptor)
            if turn is None:
                raise TooManyError("other downloads are being made; try again when one of them is done")
            os.ftruncate(turn, 0)
            os.pwrite(turn, _name(reader), 0)
            return turn
        finally:
            os.close(gate)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _name(reader: str) -> bytes:
    return reader.encode("utf-8", "replace")[:NAME_BYTES]


def give(turn: int) -> None:
    """End a turn."""
    os.close(turn)


def paced(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, until their reader turns out to be too slow. Raises TimeoutError then.

    Each piece is worth some time, of which a reader has so much in hand at most: who begins quickly cannot wait for
    long afterwards. A cut answer is shorter than it said: who reads it notices.
    """
    last, in_hand = time.monotonic(), GRACE_SECONDS
    for piece in pieces:
        yield piece
        now = time.monotonic()
        in_hand += len(piece) / PACE_LEAST - (now - last)
        if in_hand < 0:
            raise TimeoutError(f"a reader takes less than {PACE_LEAST >> 10} KB a second")
        last, in_hand = now, min(in_hand, AHEAD_SECONDS)
