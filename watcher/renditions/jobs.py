"""Long work in the background, one job at a time, each in a process of its own that may crash, hang or eat memory.

The rows of the catalog say what is to be done; a thread of the ingester looks for it. What a stop or a full disk
cuts off is done again later.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from collections.abc import Callable
from subprocess import Popen
from typing import Any

import msgspec

from watcher.model.errors import NotNowError, RenderError
from watcher.renditions.workers.spawn import spawn, was_told_to_end
from watcher.services import Services

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 1.0  # between two looks at what is wanted: other processes take the wishes
SPENT_SECONDS = 60.0  # between two looks at what is too old
STALL_SECONDS = 120.0  # after which a worker that says nothing is ended


class Said(msgspec.Struct, frozen=True):
    """What a worker says."""

    done: float | None = None  # of the job, as a share
    about: int | None = None  # which clip it takes up
    made: Any = None  # what became of it, when it is done
    error: str | None = None
    fatal: bool = False  # it crashed
    ours: bool = False  # what it made cannot be stored, whatever the clip


class Jobs:
    """Does what is wanted, at the lowest priority."""

    def __init__(self, services: Services, name: str) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = name, LOOK_SECONDS, threading.Event()
        self.about: int | None = None  # which clip a worker was at
        self._begun = False
        self._spent_at: float | None = None

    def begin(self) -> None:
        """What is to be done once: look at what a crash has left."""
        raise NotImplementedError

    def drop_spent(self) -> None:
        """Remove what is too old, or too much."""
        raise NotImplementedError

    def make(self) -> None:
        """Make all that is wanted. May raise NotNowError."""
        raise NotImplementedError

    def turn(self) -> None:
        """Look for what is spent now and then, and for what is wanted each time."""
        if not self._begun:
            self.begin()
            self._begun = True
        now = self.services.clock.monotonic()
        if self._spent_at is None or now - self._spent_at >= SPENT_SECONDS:
            self._spent_at = now
            self.drop_spent()
        self.make()

    def look_for_spent(self) -> None:
        """Do so in the next turn: there may be too much now."""
        self._spent_at = None

    def work(self, module: str, job: dict[str, Any], heard: Callable[[float], None] | None = None) -> Any:
        """Have a process do a job, and return what it made; `heard` is told which share of it is done.

        Raises RenderError where it cannot be done, and NotNowError, also out of `heard`.
        """
        self.about = None
        process = spawn([sys.executable, "-P", "-m", module])
        assert process.stdin is not None and process.stdout is not None  # nosec B101  # noqa: S101, PT018 - for the type checker
        try:
            with contextlib.suppress(BrokenPipeError):  # it died; what it does not say tells
                process.stdin.write(msgspec.json.encode(job) + b"\n")
                process.stdin.flush()
            return self._hear(process, heard)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()

    def must_have_room(self) -> None:
        """Raise NotNowError while the disk is nearly full."""
        if not self.services.root.has_room(self.services.settings.upload.min_free_bytes):
            raise NotNowError

    def _hear(self, process: Popen[bytes], heard: Callable[[float], None] | None) -> Any:
        """Read what a worker says, until it says that it is done."""
        assert process.stdout is not None  # nosec B101  # noqa: S101 - for the type checker
        said = process.stdout.fileno()
        clock, rest, share = self.services.clock, b"", 0.0
        last = clock.monotonic()
        while True:
            if self.stopped.is_set():
                raise NotNowError
            if not select.select([said], [], [], LOOK_SECONDS)[0]:
                if clock.monotonic() - last > STALL_SECONDS:
                    raise RenderError(f"the worker said nothing for {STALL_SECONDS:.0f} s", fatal=True)
                if heard is not None:
                    heard(share)  # also of a worker that hangs nobody may want to hear any more
                continue
            last = clock.monotonic()
            piece = os.read(said, 1 << 20)
            if not piece:
                if was_told_to_end(process):
                    raise NotNowError
                raise RenderError("the decoder crashed", fatal=True)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                one = msgspec.json.decode(line, type=Said)
                if one.made is not None:
                    return one.made
                self.must_have_room()  # also where a full disk is what went wrong
                if one.ours:
                    log.error("%s: trying again in a while", one.error)
                    raise NotNowError
                if one.error is not None:
                    raise RenderError(one.error, fatal=one.fatal)
                self.about = one.about or self.about
                if one.done is not None and heard is not None:
                    share = one.done
                    heard(share)
