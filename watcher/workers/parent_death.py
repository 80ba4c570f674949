"""Ending with the process that started us (Linux)."""

import ctypes
import os
import sys

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
