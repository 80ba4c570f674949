"""Posters, made by PyAV in worker processes with limits of time and memory; a crash costs one clip its picture.

`render.py` is the other side of the pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from watcher.model.clip import Light, MediaInfo
from watcher.model.sight import Picture
from watcher.renditions.workers.spawn import spawn, was_told_to_end

START_SECONDS = 30.0  # for a process to be ready, whatever a clip may take: the machine may be busy
WORKER = (sys.executable, "-P", "-m", "watcher.renditions.workers.render")


class WorkerError(Exception):
    """The worker itself failed, whatever the clip: nothing may be concluded about the clip."""


class StoringError(WorkerError):
    """What a worker has made of a clip cannot be stored; the worker itself is well."""


class Wall(msgspec.Struct, frozen=True):
    """What a process says when it can work: what its decoders' wall is made of, and its holes."""

    ready: bool = True
    error: str | None = None  # why it cannot
    held: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What the process says of a job: of a probe what a decoder found, of a sprite its tiles, or what is wrong."""

    media: MediaInfo | None = None
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


class ClipError(Exception):
    """A worker could not do what it was asked of a clip; `answer` has the kind of trouble."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error or "")
        self.answer = answer


class Worker:
    """One worker process, started when there is a job and ended by `close`.

    Jobs are answered in the order they were asked; a second one asked before the first is answered saves the
    process from waiting for us between the two.
    """

    def __init__(self, *, timeout_seconds: float, command: Sequence[str] | None = None) -> None:
        self._timeout = timeout_seconds
        self._command = list(command or WORKER)
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: deque[bytes] = deque()  # and not answered
        self._said = b""  # by the process, and not taken yet
        self.wall: Wall | None = None  # of the last process that was started

    def ask_poster(self, path: str, out: Path, rotation: int, *, container: str | None = None) -> None:
        """Ask for a clip's first picture as a WebP in `out`. `container`: what our reader found, if it did."""
        if not out.parent.is_dir():
            out.parent.mkdir(parents=True, exist_ok=True)
        self._ask(_picture_job("poster", path, out, rotation, container))

    def ask_sprite(
        self, path: str, out: Path, rotation: int, *, container: str | None = None, poster: Path | None = None
    ) -> None:
        """Ask for some of a clip's key frames, side by side as a WebP in `out`.

        And for the one that tells most in `poster`: written only where `significant_ms` is answered.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        told = {} if poster is None else {"poster": str(poster)}
        self._ask(_picture_job("sprite", path, out, rotation, container) | told)

    def ask_probe(self, path: str) -> None:
        """Ask what is in a file that is not ISO-BMFF."""
        self._ask({"do": "probe", "path": path})

    def ask_inspect(self, path: str, rotation: int, *, container: str | None = None) -> None:
        """Ask what a model sees on some frames of a clip; only of a process that has one."""
        self._ask({"do": "inspect", "path": path, "rotation": rotation, "container": container})

    def answer(self) -> Answer:
        """Wait for the answer to the oldest job. Raises ClipError or StoringError, or WorkerError about all jobs.

        A job that kills the process takes no other with it: what was asked after it is asked again.
        """
        process = self._process or self._start()
        line = self._line(process)
        if line is None:
            self._end()
            self._asked.popleft()
            raise ClipError(Answer(error=f"the decoder did not finish within {self._timeout:g} s", fatal=True))
        if not line:
            status = process.wait()
            # By itself, or by somebody: never the clip's doing.
            if status >= 0 or status == -signal.SIGKILL or was_told_to_end(process):
                self.close()
                raise WorkerError(f"the render worker ended with status {status}")
            self._end()
            self._asked.popleft()
            crash = f"the decoder crashed on it ({signal.Signals(-status).name})"
            raise ClipError(Answer(error=crash, fatal=True))
        self._asked.popleft()
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except msgspec.MsgspecError:  # as none of ours would answer: something else speaks
            answer = Answer(error="the decoder gave an answer that is none", fatal=True)
        if answer.error is not None and answer.ours:
            raise StoringError(answer.error)
        if answer.error is not None:
            raise ClipError(answer)
        return answer

    def kill(self) -> None:
        """End the process from another thread; the one that waits for its answer then closes it."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process, whatever it is doing, and forget what it was asked."""
        self._asked.clear()
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        self._said = b""
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

    def _ask(self, job: dict[str, Any]) -> None:
        self._asked.append(msgspec.json.encode(job) + b"\n")
        if self._process is not None:
            self._write(self._process, self._asked[-1])

    def _write(self, process: subprocess.Popen[bytes], jobs: bytes) -> None:
        assert process.stdin is not None  # nosec B101  # noqa: S101 - for the type checker: it was made with pipes
        with contextlib.suppress(OSError):  # it died; the answer that does not come says how
            process.stdin.write(jobs)
            process.stdin.flush()

    def _line(self, process: subprocess.Popen[bytes], seconds: float | None = None) -> bytes | None:
        """The next line that the worker says; empty at its end, None when it takes too long.

        Two answers may come in one piece: what is left of it is kept here, where `select` cannot overlook it.
        """
        assert process.stdout is not None  # nosec B101  # noqa: S101 - for the type checker
        while b"\n" not in self._said:
            if not select.select([process.stdout], [], [], seconds or self._timeout)[0]:
                return None
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                return b""
            self._said += piece
        line, _, self._said = self._said.partition(b"\n")
        return line + b"\n"

    def _start(self) -> subprocess.Popen[bytes]:
        """Start the process and wait until it can work, so that what follows is the clip's doing, not ours."""
        try:
            process = self._process = spawn(self._command)
        except OSError as reason:
            raise WorkerError(f"the render worker does not start: {reason.strerror}") from reason
        line = self._line(process, START_SECONDS)
        if not line:
            self.close()
            raise WorkerError("the render worker does not start")
        self.wall = msgspec.json.decode(line, type=Wall)
        if self.wall.error is not None:
            self.close()
            raise WorkerError(self.wall.error)
        self._write(process, b"".join(self._asked))
        return process


def _picture_job(do: str, path: str, out: Path, rotation: int, container: str | None) -> dict[str, Any]:
    return {"do": do, "path": path, "out": str(out), "rotation": rotation, "container": container}
