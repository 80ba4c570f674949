"""The processes that let decoders near files: each job is done by a child behind a wall, of its own or with a few.

    standard input ─▶ 1. open what the jobs name ─▶ 2. fork ─▶ 3. the wall ─▶ 4. the decoder ─▶ 5. files get names

The process itself never looks into a clip. It opens each with its own hands, without following a link, and files
for what is to be made beside their names; the child has these descriptors and can get no others. So neither memory
that a decoder loses nor what a clip does to it outlives a few jobs, and a crash costs the one clip in hand: the
others of the same child are done by the next one. A kill between 1 and 5 leaves files that end in `.tmp`.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from watcher.model.errors import RenderError
from watcher.workers import sandbox
from watcher.workers.files import beside, is_full, open_source
from watcher.workers.parent_death import die_with_parent

TOGETHER = 32  # jobs that a child is given at most: what it costs to make one is shared by them
PICTURE_MEMORY = 2 << 30  # bytes of address space; a 4K H.265 key frame needs about 0.6 GiB of it
FILM_MEMORY = 3 << 30  # 4K H.265 in and 720p out need about 1 GiB of it
TOLD_TO_END = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
SPARE_FILES = 48  # for pipes, libraries and a few pictures
ANSWER_BYTES = 64 << 20  # at most; that of a film names every clip in it
_LAST, _PROGRESS = b"=", b" "  # before a child's answer, and before a word of progress

Tell = Callable[..., None]


class UnwritableError(Exception):
    """What was made cannot be stored, whatever the clip."""


class ClosedError(Exception):
    """A clip's file cannot be opened: nothing is known of the clip."""


class Files(NamedTuple):
    """What a job has to do with: files to read, or why one cannot be, and files to write."""

    sources: list[IO[bytes] | OSError]
    outs: list[IO[bytes]]

    @property
    def source(self) -> IO[bytes]:
        """The only one. Raises ClosedError where it cannot be opened."""
        if isinstance(self.sources[0], OSError):
            raise ClosedError(words_of(self.sources[0]))
        return self.sources[0]


class Kind(NamedTuple):
    """One kind of job: how it is done, what it reads and writes, and what it may use."""

    do: Callable[[Any, dict[str, Any], Files, Tell], dict[str, Any]]
    reads: Callable[[dict[str, Any]], Sequence[str]]
    writes: Callable[[dict[str, Any]], Sequence[str]]
    memory_bytes: int
    file_bytes: Callable[[dict[str, Any]], int]


class _Job(NamedTuple):
    """A job whose files are open."""

    order: dict[str, Any]
    kind: Kind
    files: Files
    targets: list[Path]
    error: dict[str, Any] | None  # it cannot even begin


def serve(kinds: dict[str, Kind]) -> None:
    """Do jobs until standard input ends."""
    die_with_parent(signal.SIGKILL)
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # a film of many clips holds all of them open
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a codec prints must not look like an answer

    import av  # noqa: PLC0415 - the home of decoders
    import av.logging  # noqa: PLC0415

    for module in pkgutil.walk_packages(av.__path__, "av."):  # it imports some late: behind the wall it could not
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    av.logging.set_level(av.logging.PANIC)
    sandbox.leave_outside()
    held, holes = _trial()
    say(answers, {"ready": True, "held": held, "holes": holes})
    for lines in _lines():
        jobs = [_opened(kinds, json.loads(line)) for line in lines]
        while jobs:
            jobs = jobs[_together(av, jobs, answers) :]


def say(to: int, message: dict[str, Any], mark: bytes = b"") -> None:
    """Write a message as a line, also where a pipe takes it in pieces."""
    data = mark + json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(to, data) :]


def _lines() -> Iterator[list[bytes]]:
    """The jobs that are there, a few at most."""
    rest = b""
    while True:
        while rest.count(b"\n") < TOGETHER and (b"\n" not in rest or select.select([0], [], [], 0)[0]):
            piece = os.read(0, 1 << 20)
            if not piece:
                if rest:
                    yield rest.splitlines()
                return
            rest += piece
        *lines, rest = rest.split(b"\n", TOGETHER)
        yield lines


def _trial() -> tuple[list[str], list[str]]:
    """What the wall of a child is made of, and what holes it has: tried in one."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        say(writing, {"told": [sandbox.close_in(), sandbox.holes()]})
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        line = pipe.read()
    os.wait()
    held, holes = json.loads(line)["told"] if line else ([], ["end at once"])
    return held, holes


# — files —


def _opened(kinds: dict[str, Kind], order: dict[str, Any]) -> _Job:
    kind = kinds[order.get("do", "make")]
    paths, targets = kind.reads(order), [Path(path) for path in kind.writes(order)]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if len(paths) + len(targets) + SPARE_FILES > limit:  # without some of its clips a film would lack them silently
        why = f"it needs {len(paths)} open files; this system allows {limit}"
        return _Job(order, kind, Files([], []), [], {"error": why})
    sources = [open_source(path) for path in paths]
    outs: list[IO[bytes]] = []
    error: dict[str, Any] | None = None
    for target in targets:
        try:
            outs.append(beside(target).open("xb+", buffering=0))
        except OSError as reason:
            error = {"error": f"{target.parent}: {reason.strerror}", "ours": True}
            break
    return _Job(order, kind, Files(sources, outs), targets, error)


def _put_away(job: _Job, answer: dict[str, Any]) -> dict[str, Any]:
    """Give what was made its names, so that half of it is never served, and close all. Returns the answer.

    Whether it was the disk that had no room is looked at here, while half of it still takes that room.
    """
    if answer.get("full") and any(map(is_full, job.files.outs)):
        answer["ours"] = True
    for target, out in zip(job.targets, job.files.outs, strict=False):
        try:
            size = os.fstat(out.fileno()).st_size
            out.close()
            if size and answer.get("error") is None:
                beside(target).replace(target)
            else:
                beside(target).unlink(missing_ok=True)
        except OSError as reason:
            answer = {"error": f"{target.parent}: {reason.strerror}", "ours": True}
    for source in job.files.sources:
        if not isinstance(source, OSError):
            source.close()
    return answer


# — the child —


def _together(av: Any, jobs: list[_Job], answers: int) -> int:
    """Have a child do jobs, one after another, as far as it comes; how many are answered."""
    keeper = os.getpid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            os.close(answers)
            _behind_the_wall(av, jobs, writing, keeper)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    done = 0
    with os.fdopen(reading, "rb") as pipe:
        for last, message in _messages(pipe):
            if not last:
                say(answers, {name: message[name] for name in ("done", "about") if name in message})
            elif done < len(jobs):
                say(answers, _put_away(jobs[done], message))
                done += 1
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if -status in TOLD_TO_END:  # as whole groups are: so are we
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    if done < len(jobs) and (status != 0 or done == 0):
        say(answers, _put_away(jobs[done], _crashed(status)))
        done += 1
    return done


def _messages(pipe: IO[bytes]) -> Iterator[tuple[bool, dict[str, Any]]]:
    """What a child says, and whether each is an answer; ends where it says what none of ours would."""
    while (line := pipe.readline(ANSWER_BYTES)).endswith(b"\n"):
        try:
            message = json.loads(line[1:])
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        yield line[:1] == _LAST, message


def _crashed(status: int) -> dict[str, Any]:
    """What is said of the job at which a child ended with a status."""
    if -status == signal.SIGKILL:  # by a person, or because the machine has too little memory
        return {"error": "the decoder was killed at it", "fatal": True, "killed": True}
    if status < 0:
        return {"error": f"the decoder crashed on it ({signal.Signals(-status).name})", "fatal": True}
    return {"error": f"the decoder ended at it with status {status}", "fatal": True}


def _behind_the_wall(av: Any, jobs: list[_Job], answers: int, keeper: int) -> None:
    """Become a process that has its descriptors and nothing else, and do the jobs."""
    most = max(job.kind.file_bytes(job.order) for job in jobs)
    memory = max(job.kind.memory_bytes for job in jobs)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
        score.write("1000")  # where memory is short, this one may go
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large a file is an error like others
    os.close(0)
    sandbox.close_in()
    die_with_parent(signal.SIGKILL, parent=keeper)  # after the wall: some of its parts would forget it
    for job in jobs:
        answer = job.error or _answer(av, job, lambda **message: say(answers, message, _PROGRESS))
        say(answers, answer, _LAST)
        if answer.get("memory"):
            return  # the next child has all of it again


def _answer(av: Any, job: _Job, tell: Tell) -> dict[str, Any]:
    """Do one job. Whatever it leads to is an answer."""
    try:
        return job.kind.do(av, job.order, job.files, tell)
    except MemoryError:
        return {"error": "its pictures need more memory than a camera's should", "fatal": True, "memory": True}
    except UnwritableError as reason:
        return {"error": str(reason), "ours": True}
    except ClosedError as reason:
        return {"error": str(reason), "closed": True}
    except RenderError as reason:
        return {"error": str(reason)}
    except (av.FFmpegError, ValueError, OSError, LookupError) as reason:  # all that bad bytes lead to
        return {"error": words_of(reason), "full": _met_a_full_disk(reason)}
    except Exception as reason:
        return {"error": f"the worker failed on it ({type(reason).__name__}: {reason})"}


def _met_a_full_disk(reason: BaseException | None) -> bool:
    """Whether an error, or one that it came out of, says so: what closes a film after it fails in other words."""
    while reason is not None and getattr(reason, "errno", None) not in {errno.ENOSPC, errno.EDQUOT}:
        reason = reason.__cause__ or reason.__context__
    return reason is not None


def words_of(reason: Exception) -> str:
    """What an error says, without numbers and names of ours."""
    return str(getattr(reason, "strerror", None) or reason)
