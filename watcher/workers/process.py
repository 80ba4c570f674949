"""Worker processes, seen from outside: the only way to start one, give it jobs, hear its answers and end it.

Pictures, copies, films and labels are all made so. A job is a line of JSON on the worker's standard input. The
worker answers it with a line, and may say before that how far it is. `forkserver.py` is the other side; it has the
wall and the limits.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from watcher.model.clip import Light, MediaInfo
from watcher.model.sight import Picture

START_SECONDS = 30.0  # for a process to be ready, whatever a clip may take: the machine may be busy
HEAR_SECONDS = 1.0  # between two calls of whoever follows a job, while the worker is silent
STOPS = frozenset(
    {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
)  # uWSGI, terminals and shutdowns stop groups so


class WorkerError(Exception):
    """The worker itself failed, whatever the clip: nothing may be concluded about the clip."""


class StoringError(WorkerError):
    """What a worker has made of a clip cannot be stored; the worker itself is well."""


class EndedError(WorkerError):
    """The worker ended by itself, or somebody killed it; `stopped`: as whole groups of processes are stopped."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the worker ended with status {status}")
        self.stopped = status in STOPS


class Wall(msgspec.Struct, frozen=True):
    """What a process says when it can work: what its decoders' wall is made of, and its holes."""

    ready: bool = True
    error: str | None = None  # why it cannot
    held: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What the process says of a job: how far it is, then what it has made or what is wrong."""

    done: float | None = None  # the share that is done: the job goes on
    about: int | None = None  # the clip that it takes up: the job goes on
    made: Any = None  # of a copy or films
    media: MediaInfo | None = None  # of a probe, as the following
    duration_seconds: float | None = None
    error: str | None = None
    fatal: bool = False
    ours: bool = False  # the error is not the clip's doing
    closed: bool = False  # … but that its file cannot be opened,
    killed: bool = False  # … or that somebody killed the decoder, or the machine is short of memory
    undecodable: bool = False  # the error is that every picture in it was tried in vain
    frames: int = 0  # of a sprite, as the following
    columns: int = 0
    tile_width: int = 0
    tile_height: int = 0
    light: Light | None = None
    significant_ms: int | None = None  # from the clip's beginning, of the frame that tells most
    pictures: tuple[Picture, ...] = ()  # that a model was shown


Hear = Callable[[Answer], None]


class ClipError(Exception):
    """A worker could not do what it was asked of a clip; `answer` has the kind of trouble."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error or "")
        self.answer = answer


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours as a worker."""
    return [sys.executable, "-P", "-m", module, *arguments]


WORKER = python("watcher.workers.render")


class Worker:
    """One worker process, started when there is a job and ended by `close`.

    Jobs are answered in the order they were asked; a second one asked before the first is answered saves the
    process from waiting for us between the two.
    """

    def __init__(self, *, timeout_seconds: float, command: Sequence[str] | None = None) -> None:
        """`timeout_seconds`: how long the worker may say nothing of a job."""
        self._timeout = timeout_seconds
        self._command = list(command or WORKER)
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs: deque[bytes] = deque()  # that are not answered
        self._rest = b""  # of what the process has said
        self.wall: Wall | None = None  # of the last process that was started

    def ask_poster(
        self, path: str, out: Path, rotation: int, *, container: str | None = None, seconds: float | None = None
    ) -> None:
        """Ask for a clip's first picture as a WebP in `out`, or for the one at a second of it.

        `container`: what our reader found, if it did.
        """
        if not out.parent.is_dir():
            out.parent.mkdir(parents=True, exist_ok=True)
        job = _picture_job("poster", path, out, rotation, container)
        self.ask(job if seconds is None else {**job, "seconds": seconds})

    def ask_sprite(
        self, path: str, out: Path, rotation: int, *, container: str | None = None, poster: Path | None = None
    ) -> None:
        """Ask for some of a clip's key frames, side by side as a WebP in `out`.

        And for the one that tells most in `poster`: written only where `significant_ms` is answered.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        job = _picture_job("sprite", path, out, rotation, container)
        self.ask(job if poster is None else {**job, "poster": str(poster)})

    def ask_probe(self, path: str) -> None:
        """Ask what is in a file that is not ISO-BMFF."""
        self.ask({"do": "probe", "path": path})

    def ask_inspect(self, path: str, rotation: int, *, container: str | None = None) -> None:
        """Ask what a model sees on some frames of a clip; only of a process that has one."""
        self.ask({"do": "inspect", "path": path, "rotation": rotation, "container": container})

    def ask(self, job: dict[str, Any]) -> None:
        """Ask for a job, in the words of the worker's module."""
        self._jobs.append(msgspec.json.encode(job) + b"\n")
        if self._process is not None:
            self._write(self._process, self._jobs[-1])

    def answer(self, hear: Hear | None = None) -> Answer:
        """Wait for the answer to the oldest job. Raises ClipError or StoringError, or WorkerError about all jobs.

        A job that kills the process takes no other with it: what was asked after it is asked again.

        `hear` follows long work: it is called with all that the worker says before its answer, and with an empty
        answer each second while the worker is silent. An error that it raises goes through; then `close` is due.
        """
        answer = self._next(hear)
        while hear is not None and (answer.done is not None or answer.about is not None):
            hear(answer)
            answer = self._next(hear)
        self._jobs.popleft()
        if answer.error is not None and answer.ours:
            raise StoringError(answer.error)
        if answer.error is not None:
            raise ClipError(answer)
        return answer

    def _next(self, hear: Hear | None) -> Answer:
        """What the worker says next of the oldest job. Raises WorkerError."""
        process = self._process or self._start(hear)
        line = self._line(process, self._timeout, hear)
        if line is None:
            self._end()
            silence = "the decoder did not finish within" if hear is None else "the worker said nothing for"
            return Answer(error=f"{silence} {self._timeout:g} s", fatal=True)
        if not line:
            status = process.wait()
            # By itself, or by somebody: never the clip's doing.
            if status >= 0 or status == -signal.SIGKILL or status in STOPS:
                self.close()
                raise EndedError(status)
            self._end()
            return Answer(error=f"the decoder crashed on it ({signal.Signals(-status).name})", fatal=True)
        try:
            return msgspec.json.decode(line, type=Answer)
        except msgspec.MsgspecError:  # as none of ours would answer: something else speaks
            return Answer(error="the decoder gave an answer that is none", fatal=True)

    def kill(self) -> None:
        """End the process from another thread; the one that waits for its answer then closes it."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process, whatever it is doing, and forget what it was asked."""
        self._jobs.clear()
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        self._rest = b""
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def running(self) -> bool:
        """Whether there is a process that holds memory."""
        return self._process is not None

    def _write(self, process: subprocess.Popen[bytes], jobs: bytes) -> None:
        assert process.stdin is not None  # nosec B101  # noqa: S101 - for the type checker: it was made with pipes
        with contextlib.suppress(OSError):  # it died; the answer that does not come says how
            process.stdin.write(jobs)
            process.stdin.flush()

    def _line(self, process: subprocess.Popen[bytes], seconds: float, hear: Hear | None) -> bytes | None:
        """The next line that the worker says; empty at its end, None when it says nothing for so long.

        Two answers may come in one piece: what is left of it is kept here, where `select` cannot overlook it.
        """
        assert process.stdout is not None  # nosec B101  # noqa: S101 - for the type checker
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            wait = max(0.0, deadline - time.monotonic())
            if select.select([process.stdout], [], [], wait if hear is None else min(wait, HEAR_SECONDS))[0]:
                piece = os.read(process.stdout.fileno(), 1 << 20)
                if not piece:
                    return b""
                self._rest += piece
                deadline = time.monotonic() + seconds
            elif time.monotonic() >= deadline:
                return None
            elif hear is not None:
                hear(Answer())
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    def _start(self, hear: Hear | None) -> subprocess.Popen[bytes]:
        """Start the process and wait until it can work, so that what follows is the clip's doing, not ours."""
        try:
            process = self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # One malloc arena and no BLAS-like pools: the address space limit should measure pictures.
                env={**os.environ, "MALLOC_ARENA_MAX": "1"},
            )
        except OSError as reason:
            raise WorkerError(f"the worker does not start: {reason.strerror}") from reason
        line = self._line(process, START_SECONDS, hear)
        if not line:
            status = 0 if line is None else process.wait()
            self.close()
            raise EndedError(status) if status < 0 else WorkerError("the worker does not start")
        self.wall = msgspec.json.decode(line, type=Wall)
        if self.wall.error is not None:
            self.close()
            raise WorkerError(self.wall.error)
        self._write(process, b"".join(self._jobs))
        return process


def _picture_job(do: str, path: str, out: Path, rotation: int, container: str | None) -> dict[str, Any]:
    return {"do": do, "path": path, "out": str(out), "rotation": rotation, "container": container}
