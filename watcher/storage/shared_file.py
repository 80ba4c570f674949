"""A small value that several processes read and write, in a file under a lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Value = TypeVar("Value")


class Held(Generic[Value]):
    """The value while its lock is held; what it is at the end is written."""

    def __init__(self, value: Value) -> None:
        self.value = value


class SharedFile(Generic[Value]):
    """The file: one line of JSON. It is not synced, so that nothing in it may have to outlast a power cut."""

    def __init__(self, path: Path, kind: type[Value], otherwise: Callable[[], Value]) -> None:
        """`otherwise` makes the value where there is no file, or none that can be read."""
        self._path = path
        self._kind = kind
        self._otherwise = otherwise

    def read(self) -> Value:
        """The value as somebody has left it. Raises OSError."""
        try:
            return self._decoded(self._path.read_bytes())
        except FileNotFoundError:
            return self._otherwise()

    @contextlib.contextmanager
    def held(self) -> Iterator[Held[Value]]:
        """The value for the time of a block, in which nobody else has it. Raises OSError, also for a full disk."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            held = Held(self._decoded(before))
            yield held
            after = msgspec.json.encode(held.value) + b"\n"
            if after != before:
                # A kill between the two leaves something behind the line's end, which nobody reads.
                os.pwrite(descriptor, after, 0)
                os.ftruncate(descriptor, len(after))
        finally:
            os.close(descriptor)

    def _decoded(self, text: bytes) -> Value:
        try:
            return msgspec.json.decode(text.partition(b"\n")[0], type=self._kind)
        except msgspec.DecodeError:  # it is new, or its writer was killed
            return self._otherwise()
