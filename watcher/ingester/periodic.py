"""A thread that has a task take its turn again and again."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from watcher.model.errors import NotNowError

log = logging.getLogger("watcher.ingester")

FIRST_SECONDS = 2.0  # at most, before the first turn: the ingester begins with the machine to itself
STOP_SECONDS = 5.0
RETRY_SECONDS = 10.0  # at least, after a turn that failed


class Task(Protocol):
    """A task beside the ingester's loop. The thread of one that has a number `nice` takes that."""

    name: str
    every_seconds: float  # between two turns
    stopped: threading.Event  # set when it is time to end; a long turn looks at it

    def turn(self) -> None:
        """Do what there is to do. May raise NotNowError."""


class Periodic(threading.Thread):
    """A thread that gives a task its turns; a failure is logged, and the turn tried again."""

    def __init__(self, task: Task) -> None:
        super().__init__(name=task.name, daemon=True)
        self._task = task

    def stop(self) -> None:
        """End the task at once."""
        self._task.stopped.set()
        stop: Callable[[], None] = getattr(self._task, "stop", _nothing)  # of one that waits for somebody else
        until = time.monotonic() + STOP_SECONDS
        while self.is_alive() and time.monotonic() < until:
            stop()
            self.join(0.1)

    def run(self) -> None:
        """Give the task its turns until it is stopped."""
        task = self._task
        nice: int | None = getattr(task, "nice", None)
        with contextlib.suppress(OSError, AttributeError):  # of this thread alone, where the system can
            if nice is not None:
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
        pause = min(task.every_seconds, FIRST_SECONDS)
        while not task.stopped.wait(pause):
            pause = max(task.every_seconds, RETRY_SECONDS)
            try:
                task.turn()
                pause = task.every_seconds
            except NotNowError:
                pass
            except Exception:
                log.exception("%s: trying again in a while", task.name)


def _nothing() -> None:
    """What a task has to do at its end that looks at `stopped`."""
