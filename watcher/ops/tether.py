"""Ties a process to its parent, so that `kill -9` of the parent leaves no orphans (Linux).

    python -m watcher.ops.tether RUN_DIR NAME PROGRAM ARGUMENT…

becomes PROGRAM, which gets SIGTERM when its parent, whose number is in WATCHER_UNIT, dies. Before that it ends what
a killed earlier PROGRAM of the same name left behind: nginx workers outlive their master's `kill -9` and would keep
its port. uWSGI starts each attached daemon in a session of its own, so they are found by that session, and by their
working folder.

    python -m watcher.ops.tether RUN_DIR

only ends what is left: a unit does so last of all, for a PROGRAM may have been killed a moment before the stop.
Where the parent is killed as well, nobody starts PROGRAM again: then the ingester ends what is left when it goes,
and, if it was killed too, the next `watcher up` does before it looks at the port.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from watcher.workers.parent_death import die_with_parent

LOCK_SECONDS = 4.0  # a killed unit's last process frees the lock within this


def end_leftovers(session_file: Path) -> None:
    """Kill what is left of the session that is noted in a file and works in that file's folder; it is gone then."""
    try:
        session = int(session_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if session == os.getsid(0):
        return
    killed: list[Path] = []
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        try:
            if pid != os.getpid() and os.getsid(pid) == session and (process / "cwd").samefile(session_file.parent):
                os.kill(pid, signal.SIGKILL)
                killed.append(process)
        except OSError:
            continue
    until = time.monotonic() + LOCK_SECONDS
    while any(map(_lives, killed)) and time.monotonic() < until:  # until then they hold their port
        time.sleep(0.01)


def _lives(process: Path) -> bool:
    """Whether a process of /proc still has anything; a dead one stays there until somebody asks how it ended."""
    try:
        state = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def end_all_leftovers(run: Path) -> None:
    """The same for every program of a unit that is no more; whoever asks holds the unit's lock."""
    for session_file in run.glob("*.session"):
        end_leftovers(session_file)


def end_orphans(run: Path) -> None:
    """End what is left of a killed unit, unless the next one is there, which has done so."""
    with contextlib.suppress(TimeoutError):
        lock = take_lock(run)
        end_all_leftovers(run)
        os.close(lock)


def take_lock(run: Path) -> int:
    """The lock of a unit, as a descriptor that its processes inherit. Raises TimeoutError where another lives."""
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise TimeoutError from None
            time.sleep(0.1)


def main() -> None:
    """Become the program, or end what is left of all."""
    run, *program = sys.argv[1:]
    if not program:
        end_all_leftovers(Path(run))
        return
    name, *command = program
    die_with_parent(signal.SIGTERM)
    if os.getppid() != int(os.environ["WATCHER_UNIT"]):
        return  # the unit was killed before we could be tied to it
    session_file = Path(run) / f"{name}.session"
    end_leftovers(session_file)
    if os.getsid(0) == os.getpid():  # else the session is somebody's terminal
        session_file.write_text(str(os.getpid()), encoding="ascii")
    os.execvp(command[0], command)  # nosec B606  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main()
