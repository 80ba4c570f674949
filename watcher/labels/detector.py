"""The process that a model runs in: behind the wall of decoders before it reads a byte of the model.

Pictures come in shared memory, so that a decoder that crashes in between leaves nothing half said:

    1. whoever asks writes a picture there, and four random bytes into a pipe. 2. it answers a line with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import resource
import secrets
import signal
import sys
from typing import Any

from watcher.workers import sandbox
from watcher.workers.forkserver import say
from watcher.workers.parent_death import die_with_parent

MEMORY = 2 << 30  # bytes of address space
MODEL_MOST = 512 << 20  # bytes of a file
ANSWER_MOST = 1 << 20
TOKEN = 4  # bytes
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _LARGE = -1, -3, 256 << 10  # mallopt(3)


class ModelError(Exception):
    """The model cannot be used, whatever the picture."""


class Eye:
    """The model, from outside of its process."""

    def __init__(self, path: str) -> None:
        """Start it. Raises ModelError."""
        self._memory = mmap.mmap(-1, 3 * 1280 * 1280)
        questions, self._ask = os.pipe()
        self._answer, answers = os.pipe()
        self._rest = b""
        keeper = os.getpid()
        if os.fork() == 0:
            try:
                os.close(self._ask)
                os.close(self._answer)
                _run(path, self._memory, questions, answers, keeper)
            finally:
                os._exit(1)
        os.close(questions)
        os.close(answers)
        message = self._line()
        if "error" in message:
            raise ModelError(message["error"])
        self.width, self.height = int(message["width"]), int(message["height"])
        self.letterbox, self.names = bool(message["letterbox"]), list(message["names"])

    def look(self, rows: bytes) -> list[list[float]]:
        """What is on a picture of our width and height, three bytes a pixel: class, score and four sides each.

        Raises ModelError.
        """
        self._memory[: len(rows)] = rows
        token = secrets.token_bytes(TOKEN)
        try:
            os.write(self._ask, token)
        except OSError:
            raise ModelError("the model's process has ended") from None
        while True:
            message = self._line()
            if message.get("token") == token.hex():  # else it was for one that crashed
                break
        if "error" in message:
            raise ModelError(message["error"])
        boxes: list[list[float]] = message["boxes"]
        return boxes

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            piece = os.read(self._answer, 65536)
            if not piece or len(self._rest) > ANSWER_MOST:
                raise ModelError("the model ended its process: it needs too much memory, or it is no sound file")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


def _run(path: str, memory: mmap.mmap, questions: int, answers: int, keeper: int) -> None:
    """Load the model and answer until nobody asks any more."""
    try:
        detector = _load(path, questions, answers, keeper)
    except Exception as reason:
        say(answers, {"error": _sentence(path, reason)})
        return
    shape = {"width": detector.width, "height": detector.height}
    say(answers, {**shape, "letterbox": detector.letterbox, "names": detector.names()})
    import numpy as np  # noqa: PLC0415 - it is loaded by now

    picture = np.frombuffer(memory, np.uint8, 3 * detector.width * detector.height)
    picture = picture.reshape(detector.height, detector.width, 3)
    while len(token := os.read(questions, TOKEN)) == TOKEN:
        message: dict[str, Any] = {"token": token.hex()}
        try:
            message["boxes"] = [[round(float(part), 4) for part in box] for box in detector.boxes(picture)]
        except Exception as reason:
            message["error"] = _sentence(path, reason)
        say(answers, message)


def _load(path: str, questions: int, answers: int, keeper: int) -> Any:
    """Libraries first, then the file's bytes; then the wall; then what is in the file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(19)
    # Its builds since 1.29 tell their maker of each session, and keep a file for that. Nobody hears of ours.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    sandbox.leave_outside()  # and no socket, whatever it would do
    try:
        import onnxruntime  # noqa: PLC0415 - its home; nothing of it is loaded where labels are off
    except ImportError:
        raise ModelError("onnxruntime is not installed: run make labels") from None
    from watcher.labels.outputs import Detector, Refused  # noqa: PLC0415

    with open(path, "rb") as file:  # noqa: PTH123 - it may be a link: its owner named it
        if os.fstat(file.fileno()).st_size > MODEL_MOST:
            raise ModelError(f"it is larger than {MODEL_MOST >> 20} MB")
        data = file.read()
    onnxruntime.set_default_logger_severity(4)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in range(3):  # nothing of ours is to be spoken to from in there
        if number not in {questions, answers}:
            os.close(number)
            os.open(os.devnull, os.O_RDWR)
    with contextlib.suppress(AttributeError, OSError):  # glibc's: what a picture took goes back at once
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_TRIM_THRESHOLD, _LARGE)
    sandbox.close_in()
    die_with_parent(signal.SIGKILL, parent=keeper)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as reason:
        raise Refused(str(reason)) from None
    del data
    return Detector(session)


def _sentence(path: str, reason: Exception) -> str:
    """What is wrong with a model, in one line without what libraries put around it."""
    if isinstance(reason, OSError):
        return f"the model {path} cannot be read: {reason.strerror}"
    if isinstance(reason, MemoryError):
        return f"the model {path} needs more than {MEMORY >> 30} GB"
    text = " ".join(str(reason).split())[:300]
    return (
        text
        if isinstance(reason, ModelError) and "onnxruntime" in text
        else f"the model {path} cannot be used: {text}"
    )


if __name__ == "__main__":  # for a trial by hand
    sys.stdout.write(repr(Eye(sys.argv[1]).__dict__) + "\n")
