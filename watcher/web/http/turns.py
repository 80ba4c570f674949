"""Turns at what takes as long as its reader does: so many at a time, so many of one reader, over all processes.

A turn is a locked file of `run/`. The kernel frees the lock when the process ends, however it ends, so no turn
is lost; and the next one to look sees what other processes hold. Where all are taken, who has none is written into
the turn of whoever has had their time, and reads slowest:

    somebody waits ─▶ that turn ends at its next piece ─▶ it is kept for who waits, until they come or do not

Whoever nobody waits for reads for as long as it takes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from watcher.model.errors import TooManyError

ALL_MOST, ONE_MOST = 4, 2  # of eight requests at a time; of one reader
OTHERS_LEAST = 2  # that a reader's second turn leaves free: two readers never have all
TIME_SECONDS = 900.0  # that everybody has, whoever waits
# For which a turn is kept for somebody who came too early; nginx ends who takes nothing for 60.
WAIT_SECONDS = 180.0
LOOK_SECONDS = 1.0  # between two looks at whether somebody waits
GRACE_SECONDS = 30.0  # before a reader's pace is looked at
PACE_LEAST = 32 << 10  # bytes a second, less than any link that films can be watched over
# For which a quick start counts: sockets take some megabytes at once, and then for long nothing.
AHEAD_SECONDS = 120.0
# Whose turn it is, since when and how many bytes they have; who waits for it, and when they asked (both monotonic).
_HELD, _WAITS = struct.Struct("=16sdQ"), struct.Struct("=16sd")
_NOBODY = bytes(16)


class _State(NamedTuple):
    """What stands in a turn's file."""

    reader: bytes
    since: float
    sent: int
    waits: bytes
    asked_at: float

    @classmethod
    def of(cls, turn: int) -> _State:
        """What stands there now."""
        size = _HELD.size + _WAITS.size
        data = os.pread(turn, size, 0).ljust(size, b"\0")
        return cls(*_HELD.unpack_from(data), *_WAITS.unpack_from(data, _HELD.size))

    def awaited(self, now: float) -> bool:
        """Whether somebody waits for it still; what was asked before the machine started is in the future."""
        return self.waits != _NOBODY and 0 <= now - self.asked_at < WAIT_SECONDS

    def is_over(self, now: float) -> bool:
        """Whether its reader has had their time."""
        return now - self.since >= TIME_SECONDS


class Turn:
    """A turn that somebody has."""

    def __init__(self, descriptor: int, reader: bytes, now: float) -> None:
        self._descriptor = descriptor
        self._reader, self._since = reader, now
        os.pwrite(descriptor, _HELD.pack(reader, now, 0) + _WAITS.pack(_NOBODY, 0), 0)

    def give(self) -> None:
        """End the turn."""
        os.close(self._descriptor)

    def paced(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, until their reader is too slow, or has had their time and somebody waits: TimeoutError.

        Each piece is worth some time, of which a reader has so much in hand at most: who begins quickly cannot wait
        for long afterwards. A cut answer is shorter than it said: who reads it notices.
        """
        last, in_hand, sent, look_at = time.monotonic(), GRACE_SECONDS, 0, 0.0
        for piece in pieces:
            yield piece
            now, sent = time.monotonic(), sent + len(piece)
            in_hand += len(piece) / PACE_LEAST - (now - last)
            if in_hand < 0:
                raise TimeoutError(f"a reader takes less than {PACE_LEAST >> 10} KB a second")
            if now >= look_at:
                self._look(now, sent)
                look_at = now + LOOK_SECONDS
            last, in_hand = now, min(in_hand, AHEAD_SECONDS)

    def _look(self, now: float, sent: int) -> None:
        os.pwrite(self._descriptor, _HELD.pack(self._reader, self._since, sent), 0)
        state = _State.of(self._descriptor)
        if state.is_over(now) and state.awaited(now):
            raise TimeoutError(f"a reader has had {TIME_SECONDS / 60:.0f} minutes, and another one waits")


class Turns:
    """Who has a turn, on this machine: several may share a data folder."""

    def __init__(self, run: Path, name: str) -> None:
        place = f"{name}.{socket.gethostname()}"
        self._gate = run / f"{place}.gate"
        self._paths = [run / f"{place}.{number}" for number in range(ALL_MOST)]

    def take(self, reader: str) -> Turn:
        """A turn, to be given back. Raises TooManyError if all are taken, or one reader has enough."""
        me = hashlib.blake2b(reader.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with contextlib.ExitStack() as stack:
            gate = _open(self._gate, stack)
            fcntl.flock(gate, fcntl.LOCK_EX)  # for as long as it takes to look
            now, free, taken = time.monotonic(), [], []
            for path in self._paths:
                descriptor = _open(path, stack)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    free.append(descriptor)
                except BlockingIOError:
                    taken.append(descriptor)
            of_reader = sum(_State.of(descriptor).reader == me for descriptor in taken)
            mine = [place for place in free if not (state := _State.of(place)).awaited(now) or state.waits == me]
            mine.sort(key=lambda place: _State.of(place).waits == me)
            for place in taken:  # whoever comes waits no longer, or at another one
                if _State.of(place).waits == me:
                    os.pwrite(place, _WAITS.pack(_NOBODY, 0), _HELD.size)
            if of_reader < ONE_MOST and len(mine) >= (1 if of_reader == 0 else 1 + OTHERS_LEAST):
                return Turn(os.dup(mine[-1]), me, now)
            if of_reader == 0:
                _wait(taken, me, now)
            raise TooManyError(
                "other downloads are being made; try again in a minute: who reads for very long makes room then"
            )


def _wait(taken: Sequence[int], me: bytes, now: float) -> None:
    """Note that somebody waits: for the slowest turn that is over, else for the eldest; where no other one does."""
    states = {turn: _State.of(turn) for turn in taken}
    open_to_me = [turn for turn, state in states.items() if not state.awaited(now)]
    over = [turn for turn in open_to_me if states[turn].is_over(now)]
    if over:
        chosen = min(over, key=lambda turn: states[turn].sent / (now - states[turn].since))
    elif open_to_me:
        chosen = min(open_to_me, key=lambda turn: states[turn].since)
    else:
        return
    os.pwrite(chosen, _WAITS.pack(me, now), _HELD.size)


def _open(path: Path, stack: contextlib.ExitStack) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    return descriptor
