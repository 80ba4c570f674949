"""Starting a worker, knowing how it ended, and ending with the process that started us (Linux)."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(number: int, *, parent: int | None = None) -> None:
    """Have the kernel send this signal when the thread that started us ends; nothing where that is unknown.

    `parent` is the process that started us, where we know it: then we end too if it has ended by now.
    """
    if sys.platform != "linux":
        return
    parent = parent or os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), number)


def spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a worker that reads jobs from its standard input and answers on its standard output."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # One malloc arena and no BLAS-like pools: the address space limit should measure pictures.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )


def was_told_to_end(process: subprocess.Popen[bytes]) -> bool:
    """Whether an ended process was stopped from outside, as uWSGI, a terminal and a shutdown stop whole groups."""
    return process.wait() in {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
