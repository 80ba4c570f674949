"""Long work in the background, one job at a time, each in a process of its own that may crash, hang or eat memory.

The rows of the catalog say what is to be done; a thread of the ingester looks for it. What a stop or a full disk
cuts off is done again later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from watcher.model.errors import NotNowError, RenderError
from watcher.services import Services
from watcher.workers.process import Answer, ClipError, EndedError, Worker, WorkerError, python

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 1.0  # between two looks at what is wanted: other processes take the wishes
SPENT_SECONDS = 60.0  # between two looks at what is too old
STALL_SECONDS = 120.0  # after which a worker that says nothing is ended


class Jobs:
    """A task that has workers make what the catalog's rows ask for."""

    def __init__(self, services: Services, name: str) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = name, LOOK_SECONDS, threading.Event()
        self.about: int | None = None  # which clip a worker was at
        self._begun = False
        self._spent_at: float | None = None

    def begin(self) -> None:
        """Remove once what a crash has left."""
        raise NotImplementedError

    def drop_spent(self) -> None:
        """Remove what is too old, or too much."""
        raise NotImplementedError

    def make(self) -> None:
        """Make all that is wanted. May raise NotNowError."""
        raise NotImplementedError

    def turn(self) -> None:
        """Make what is wanted; remove what is spent, now and then."""
        if not self._begun:
            self.begin()
            self._begun = True
        now = self.services.clock.monotonic()
        if self._spent_at is None or now - self._spent_at >= SPENT_SECONDS:
            self._spent_at = now
            self.drop_spent()
        self.make()

    def look_for_spent(self) -> None:
        """Remove what is spent in the next turn: there may be too much now."""
        self._spent_at = None

    def work(self, module: str, job: dict[str, Any], tell: Callable[[float], None] | None = None) -> Any:
        """Have a process do a job, and return what it made; `tell` is told which share of it is done.

        Raises RenderError where it cannot be done, and NotNowError, also out of `tell`.
        """
        self.about, share = None, 0.0

        def hear(answer: Answer) -> None:
            nonlocal share
            if self.stopped.is_set():
                raise NotNowError
            self.must_have_room()
            self.about = answer.about or self.about
            share = share if answer.done is None else answer.done
            if tell is not None and answer.about is None:
                tell(share)  # also of a worker that hangs: perhaps nobody wants it any more

        worker = Worker(timeout_seconds=STALL_SECONDS, command=python(module))
        try:
            worker.ask(job)
            return worker.answer(hear).made
        except ClipError as reason:
            raise RenderError(str(reason), fatal=reason.answer.fatal) from None
        except EndedError as reason:
            if reason.stopped:
                raise NotNowError from None
            raise RenderError("the decoder crashed", fatal=True) from None
        except WorkerError as reason:
            self.must_have_room()  # or the disk is what went wrong
            log.error("%s: trying again in a while", reason)
            raise NotNowError from None
        finally:
            worker.close()

    def must_have_room(self) -> None:
        """Raise NotNowError while the disk is nearly full."""
        if not self.services.root.has_room(self.services.settings.upload.min_free_bytes):
            raise NotNowError
