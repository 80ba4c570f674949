"""The wall around a decoder: once it stands, a process keeps the descriptors it has and gets no others.

What a kernel gives without root, all that it gives: seccomp (only the system calls that decoding needs), Landlock
(no file and no TCP port; with newer kernels no signal to others either), and where there is no seccomp a network
namespace without interfaces. Where there is none of them the decoder works without a wall, and `watcher doctor`
says so. Sources: seccomp(2), landlock(7), the kernel's `syscall_64.tbl` and `asm-generic/unistd.h`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import socket
import struct
import tempfile
from collections.abc import Callable, Iterable
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 21, 22, 2  # prctl(2)
CLONE_NEWUSER, CLONE_NEWNET, CLONE_THREAD = 0x10000000, 0x40000000, 0x10000
PROT_EXEC = 4
EPERM, ENOSYS = 1, 38
FCNTLS = (0, 1, 2, 3, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: none that sends signals

_LIBC = ctypes.CDLL(None, use_errno=True)


class _Machine(NamedTuple):
    """A processor's number for audits, and its numbers of system calls."""

    audit: int
    decoding: tuple[int, ...]  # what decoding needs, the most frequent first
    special: dict[str, int]  # allowed with some arguments only
    outside: tuple[int, ...]  # sockets, programs, other processes, and what opens roads around a filter


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        _numbers(
            "0 1 8 17 18 202 11 12 28 25 3 5 7 13 14 15 19 20 23 24 26 27 32 33 35 39 60 63 74 75 77 96 97"
            " 98 99 100 102 104 107 108 110 131 143 145 146 147 157 158 186 201 204 218 219 228 229 230 231 262"
            " 270 271 273 274 285 292 295 296 309 318 324 334 436"
        ),
        {"mmap": 9, "mprotect": 10, "clone": 56, "fcntl": 72, "tgkill": 234, "prlimit": 302, "clone3": 435},
        (41, 42, 43, 49, 50, 53, 59, 101, 288, 298, 310, 311, 321, 322, 323, 425, 426, 427, 434, 438),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        _numbers(
            "63 64 62 67 68 98 128 215 214 233 216 57 80 73 134 135 139 65 66 72 124 227 232 23 24 101 172 93"
            " 160 82 83 46 169 165 179 153 174 176 175 177 173 132 121 120 125 126 167 178 123 96 113 114 115"
            " 94 79 99 100 47 69 70 168 278 283 293 436"
        ),
        {"mmap": 222, "mprotect": 226, "clone": 220, "fcntl": 25, "tgkill": 131, "prlimit": 261, "clone3": 435},
        (198, 203, 202, 200, 201, 199, 221, 117, 242, 241, 270, 271, 280, 281, 282, 425, 426, 427, 434, 438),
    ),
}

# — seccomp: small programs of four-part instructions (code, where to go if so, if not, operand) —

_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000  # the latter with an error's number
_Step = tuple[int, int, int, int]


def _argument(number: int) -> _Step:
    return _LOAD, 0, 0, 16 + 8 * number  # its low half, on machines that keep that first


def _program(machine: _Machine, steps: list[_Step], otherwise: int) -> bytes:
    """A filter for one machine; another one's system calls, and those of x86's half-wide mode, are refused."""
    begin = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine.audit), (_RETURN, 0, 0, _REFUSE | EPERM), (_LOAD, 0, 0, 0)]
    begin += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE | EPERM)]
    return b"".join(struct.pack("=HBBI", *step) for step in [*begin, *steps, (_RETURN, 0, 0, otherwise)])


def _only(machine: _Machine) -> bytes:
    """What decoding needs, and nothing else."""
    special, allow, refuse = machine.special, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE | EPERM)
    steps: list[_Step] = []
    for number in machine.decoding:
        steps += [(_EQUAL, 0, 1, number), allow]
    for name in ("mmap", "mprotect"):  # no new code
        steps += [(_EQUAL, 0, 4, special[name]), _argument(2), (_ANY_BIT, 0, 1, PROT_EXEC), refuse, allow]
    steps += [(_EQUAL, 0, 4, special["clone"]), _argument(0), (_ANY_BIT, 0, 1, CLONE_THREAD), allow, refuse]
    steps += [
        (_EQUAL, 0, 1, special["clone3"]),
        (_RETURN, 0, 0, _REFUSE | ENOSYS),
    ]  # glibc then takes the older one
    steps += [(_EQUAL, 0, 4, special["prlimit"]), _argument(0), (_EQUAL, 0, 1, 0), allow, refuse]
    steps += [(_EQUAL, 0, 4, special["tgkill"]), _argument(0), (_EQUAL, 0, 1, os.getpid()), allow, refuse]
    steps += [(_EQUAL, 0, 2 + 2 * len(FCNTLS), special["fcntl"]), _argument(1)]
    for command in FCNTLS:
        steps += [(_EQUAL, 0, 1, command), allow]
    steps += [refuse]
    return _program(machine, steps, _REFUSE | EPERM)


def _without(machine: _Machine) -> bytes:
    """Everything but the way outside."""
    steps: list[_Step] = []
    for number in machine.outside:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | EPERM)]
    return _program(machine, steps, _ALLOW)


def _filter(build: Callable[[_Machine], bytes]) -> bool:
    # The kernel of many Raspberry Pis is a 64-bit one beneath 32-bit programs, whose calls have other numbers.
    machine = _MACHINES.get(platform.machine()) if struct.calcsize("P") == 8 else None
    if machine is None or _LIBC.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return False
    program = build(machine)
    code = ctypes.create_string_buffer(program, len(program))
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    return bool(_LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0) == 0)


# — Landlock —

_RULESET, _RESTRICT = 444, 446
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}  # by its version; all there are from 5 on:
_ALL_FILE_RIGHTS, _TCP_RIGHTS, _SCOPES = 0xFFFF, 0x3, 0x3


def _landlock() -> bool:
    """Give up every right to files, ports and other processes that this kernel's Landlock knows of."""
    version = _LIBC.syscall(_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = [_FILE_RIGHTS.get(version, _ALL_FILE_RIGHTS)]
    rights += [_TCP_RIGHTS] if version >= 4 else []
    rights += [_SCOPES] if version >= 6 else []
    attributes = struct.pack(f"={len(rights)}Q", *rights)
    ruleset = _LIBC.syscall(_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    done = _LIBC.syscall(_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return bool(done)


# — the wall —


def leave_outside() -> None:
    """Give up sockets, programs and other processes for this process and all that it starts, where that can be."""
    if os.name == "posix" and platform.system() == "Linux":
        _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _filter(_without)


def close_in() -> list[str]:
    """Give up everything but the open descriptors and memory; what holds of it. For a process with one thread."""
    if platform.system() != "Linux":
        return []
    _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    held = ["Landlock"] if _landlock() else []
    if _filter(_only):
        return ["seccomp", *held]
    if _LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        held.insert(0, "a network namespace")
    return held


def holes() -> list[str]:
    """What this process can do that a decoder must not: empty behind a whole wall. It really tries."""
    trials: dict[str, Callable[[], object]] = {
        "open sockets": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        "read files": lambda: os.close(os.open("/", os.O_RDONLY)),
        "write files": _write_a_file,
        "start processes": _fork,
        "signal processes": lambda: os.kill(os.getppid(), 0),
    }
    return [what for what, trial in trials.items() if _works(trial)]


def _works(trial: Callable[[], object]) -> bool:
    try:
        trial()
    except OSError:
        return False
    return True


def _write_a_file() -> None:
    path = f"{tempfile.gettempdir()}/.watcher-{os.getpid()}.tmp"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a Path would be no clearer here


def _fork() -> None:
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def described(held: Iterable[str], open_to: Iterable[str]) -> str:
    """What holds, and what does not, in a sentence's part.

    >>> described(["seccomp", "Landlock"], []), described([], ["open sockets"])
    ('behind seccomp and Landlock', 'without a wall; they can open sockets')
    """
    text = f"behind {' and '.join(held)}" if held else "without a wall"
    return f"{text}; they can {', '.join(open_to)}" if open_to else text
