"""A thread that has a task take its turn again and again."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from watcher.model.errors import NotNowError

log = logging.getLogger("watcher.ingester")

FIRST_SECONDS = 2.0  # at most, before the first turn: the ingester begins with the machine to itself
RETRY_SECONDS = 10.0  # at least, after a turn that failed


class Task(Protocol):
    """Something that is looked after beside the ingester's loop."""

    name: str
    every_seconds: float  # between two turns
    stopped: threading.Event  # set when it is time to end; a long turn looks at it

    def turn(self) -> None:
        """Do what there is to do. May raise NotNowError."""


class Periodic(threading.Thread):
    """Gives a task its turns; what fails is said and tried again."""

    def __init__(self, task: Task) -> None:
        super().__init__(name=task.name, daemon=True)
        self._task = task

    def stop(self) -> None:
        """End it at once."""
        self._task.stopped.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Until it is stopped."""
        task = self._task
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
