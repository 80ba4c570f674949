"""A small machine: one core and one gigabyte, where the kernel lets us make one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

MEMORY_BYTES = 1 << 30
_GROUPS = Path("/sys/fs/cgroup")
_JOIN = 'echo $$ > "$0/cgroup.procs" && exec taskset -c "$@"'


@contextlib.contextmanager
def machine() -> Iterator[tuple[str, ...]]:
    """What begins a command that is to run on it; nothing where that needs other rights, or another kernel."""
    older = (_GROUPS / "memory").is_dir()  # version 1 of control groups
    group = _GROUPS / ("memory" if older else "") / f"watcher-{secrets.token_hex(4)}"
    limit = group / ("memory.limit_in_bytes" if older else "memory.max")
    try:
        group.mkdir()
        limit.write_text(str(MEMORY_BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        print("no control group can be made: the machine is as large as it is")
        yield ()
        return
    try:
        core = max(os.sched_getaffinity(0))
        yield ("sh", "-c", _JOIN, str(group), str(core)) if shutil.which("taskset") else ()
    finally:
        until = time.monotonic() + 10
        while group.is_dir() and time.monotonic() < until:
            with contextlib.suppress(OSError):  # the last process of it is about to end
                group.rmdir()
            time.sleep(0.05)
