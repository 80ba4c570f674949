"""Which file a process had in hand when it ended, and how it ended, as far as that can be known.

While a file is read its name stands in a small file that is mapped into memory: a copy of some bytes, no system
call, and the kernel keeps it however the process ends. The next process of that name looks at it at its start.

What can be known of an end: a fault signal (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) or the limit of processor
time (SIGXCPU), which `faulthandler` notes in a file; the out-of-memory killer, by the counts that the kernel keeps
of the process's cgroup (v2) and of the whole machine; a restart of the machine, by the kernel's boot id.
What cannot: who sent a SIGKILL. One without a count (a person's, a supervisor's, one of a memory guard in user
space, or of a kernel that hides its counts) is not held against the file. The machine's count may have risen for
the sake of another process: so one end is not enough.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import mmap
import os
import signal
import struct
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

SIZE = 4096  # bytes: a key has 1,024 at most
_NAMED = struct.Struct("<HQq")  # bytes of the key that follows, 0 for no file in hand; its file's size and time
_LIFE = 2048  # where in the file stands whose life it is about
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Life(msgspec.Struct, frozen=True):
    """What is noted of a process at its start."""

    boot_id: str
    killed: list[int | None]  # how often memory ran out: in its cgroup, on the machine; None where nobody counts


class Ended(NamedTuple):
    """A file that was in hand when a process ended."""

    key: str
    size_bytes: int
    mtime_ns: int
    why: str | None  # what ended it, where that may be the file's doing


class InHand:
    """The mapped file of one process; `who` names the processes of which one runs at a time."""

    def __init__(self, folder: Path, who: str) -> None:
        self._path = folder / f"{who}.hand"
        self._fault_path = folder / f"{who}.fault"
        self._file: IO[bytes] | None = None
        self._fault_file: IO[bytes] | None = None
        self._map: mmap.mmap | None = None

    def open(self) -> Ended | None:
        """Begin to note; what the last process had in hand, if it ended so.

        Where the file cannot be had, or another process of that name runs, nothing is noted.
        """
        with contextlib.suppress(OSError):
            file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(file.fileno(), SIZE)
                self._map = mmap.mmap(file.fileno(), SIZE)
            except OSError:
                file.close()
                raise
            self._file = file
            ended = self._ended(self._map)
            life = msgspec.json.encode(Life(_boot_id(), _killed()))
            self._map[:] = bytes(SIZE)
            self._map[_LIFE : _LIFE + len(life)] = life
            self._note_faults()
            return ended
        return None

    def take(self, key: str, size_bytes: int, mtime_ns: int) -> None:
        """Note that a file is read from now on."""
        if self._map is not None:
            name = key.encode("utf-8", "surrogateescape")
            record = _NAMED.pack(len(name), size_bytes, mtime_ns) + name
            self._map[: len(record)] = record

    def drop(self) -> None:
        """Note that no file is read now."""
        if self._map is not None:
            self._map[:2] = b"\0\0"

    def close(self) -> None:
        """Note that this process ends as it should."""
        if self._map is not None and self._file is not None:
            self.drop()
            self._map.close()
            self._file.close()
            self._map = self._file = None
        if self._fault_file is not None:
            faulthandler.disable()
            faulthandler.unregister(signal.SIGXCPU)
            self._fault_file.close()
            self._fault_file = None

    def _note_faults(self) -> None:
        self._fault_file = self._fault_path.open("wb", buffering=0)
        faulthandler.enable(self._fault_file, all_threads=False)
        faulthandler.register(signal.SIGXCPU, self._fault_file, all_threads=False, chain=True)

    def _ended(self, before: mmap.mmap) -> Ended | None:
        length, size_bytes, mtime_ns = _NAMED.unpack_from(before)
        if not 0 < length <= _LIFE - _NAMED.size:
            return None
        key = before[_NAMED.size : _NAMED.size + length].decode("utf-8", "surrogateescape")
        try:
            life = msgspec.json.decode(before[_LIFE:].rstrip(b"\0"), type=Life)
        except msgspec.DecodeError:
            return None
        why = self._fault() or (_limit(life) if life.boot_id == _boot_id() else None)
        return Ended(key, size_bytes, mtime_ns, why)

    def _fault(self) -> str | None:
        """What `faulthandler` wrote for the last process."""
        try:
            lines = self._fault_path.read_bytes()[:4096].decode(errors="replace").splitlines()
        except OSError:
            return None
        if not lines:
            return None
        _, fatal, fault = lines[0].partition("Fatal Python error: ")
        return fault.lower() if fatal else "the limit of processor time"


def _limit(life: Life) -> str | None:
    """Whether memory has run out since the start of a life."""
    pairs = zip(life.killed, _killed(), strict=False)
    rose = any(before is not None and now is not None and now > before for before, now in pairs)
    return "out of memory" if rose else None


def _killed() -> list[int | None]:
    own = None
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                own = _count(Path("/sys/fs/cgroup") / line[3:].lstrip("/") / "memory.events")
    return [own, _count(Path("/proc/vmstat"))]


def _count(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
