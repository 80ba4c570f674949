"""A running watcher: the real `watcher up`, with the shipped etc/ files, on a free port and a scratch folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests import catalogs
from watcher.workers.parent_death import die_with_parent

Result = TypeVar("Result")
ZONE = "Europe/Berlin"  # of the cameras, and of the tests' own process
# A worker's command line names its module.
RENDER, PROXY, EXPORT = (f"watcher.workers.{name}" for name in ("render", "proxy", "export"))
INGESTER = "-m watcher ingest --data /"
SERVANTS = "watcher ingest|uwsgi|nginx: (master|worker)"  # that live as long as the service
DEADLINE = 60.0  # generous: it is reached only by what is broken, also on a machine that does much else


def wait_for(question: Callable[[], Result], *, seconds: float = DEADLINE, what: str = "it") -> Result:
    """Ask until the answer is true, and return it."""
    until = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not happen within {seconds:g} s; last answer: {answer!r}")
        time.sleep(0.01)


def parent_of(pid: int) -> int:
    """The process that began another; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.rpartition(")")[2].split()[1])


PORTS = range(16_000, 32_000)  # below those that the kernel gives to whoever asks for any
_claims: deque[socket.socket] = deque(maxlen=200)  # of the ports that were given last


def free_port() -> int:
    """A port that nobody listens on, and that no test of another process is given before it is listened on."""
    while True:
        port = secrets.choice(PORTS)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0watcher-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        _claims.append(claim)
        return port


class RunningUnit:
    """`watcher up` in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: dict[str, str] | None = None,
        port: int | None = None,
        within: tuple[str, ...] = (),
    ) -> None:
        """`within`: a command that runs the one that follows it, in a user namespace, say."""
        self.within = within
        self.folder = folder
        self.data = folder / "data"
        self.video = self.data / "video"
        self.log = folder / "log"
        self.port = port or free_port()
        self.environment = {**os.environ, "WATCHER_CONFIG": str(folder / "watcher.toml"), "TZ": ZONE}
        if os.geteuid() == 0:
            self.environment["WATCHER_UNIT__USER"] = "root"  # told to, it does not warn of it
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "watcher.toml").touch()
        self.environment.update(settings or {})
        self.process: subprocess.Popen[str] | None = None

    # — life —

    def command(self, *arguments: str) -> list[str]:
        return [*self.within, sys.executable, "-m", "watcher", *arguments]

    def start(self) -> RunningUnit:
        """Run it, from the first time on with a catalog at the newest schema."""
        catalog = self.data / "catalog.db"
        if not catalog.exists() and "WATCHER_CATALOG__URL" not in self.environment:
            self.data.mkdir(exist_ok=True)
            catalog.write_bytes(catalogs.empty())
        self.spawn()
        self.wait_ready()
        return self

    def spawn(self) -> None:
        listen = f"127.0.0.1:{self.port}"
        with (self.folder / "console.txt").open("ab") as output:
            self.process = subprocess.Popen(
                self.command("up", "--data", str(self.data), "--listen", listen, "--log", str(self.log)),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGTERM),  # when pytest itself is killed
                text=True,
            )

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"watcher ended with {self.process.returncode}:\n{self.console()}")
            url = self.url("/watcher/readyz")
            if url.startswith("https:"):
                # `nginx -t` listens for an instant; Python's ssl loses a socket that is cut off before it speaks.
                command = ["curl", "-sk", "-m", "5", "-o", os.devnull, "-w", "%{http_code}", url]
                return subprocess.run(command, capture_output=True, text=True).stdout == "200"
            with contextlib.suppress(requests.RequestException):
                return requests.get(url, timeout=5).status_code == 200
            return False

        wait_for(ready, what="readyz")

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it and return how long that took, until every process of it was gone."""
        assert self.process is not None
        family = self.family()
        began = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        self.process.wait(DEADLINE)
        wait_for(lambda: not [pid for pid in family if alive(pid)], what="the end of all processes")
        return time.monotonic() - began

    def console(self) -> str:
        return (self.folder / "console.txt").read_text(errors="replace")

    def report(self) -> str:
        """The end of everything that it wrote, and its processes."""
        logs = [self.folder / "console.txt", *(self.log / f"{name}.log" for name in ("ingest", "app", "nginx"))]
        texts = [f"— {path.name} —\n{path.read_text(errors='replace')[-3000:]}" for path in logs if path.exists()]
        return "\n".join([f"processes: {self.family()}", *texts])

    def family(self) -> dict[int, str]:
        """Every process that works in this unit's run folder, with its command line."""
        run = self.data / "run"
        processes = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.path.realpath(process / "cwd") == str(run.resolve()):
                    command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if command:
                        processes[int(process.name)] = command
        return processes

    def named(self, pattern: str = SERVANTS) -> set[int]:
        """The processes whose command lines match, and that are what these say.

        A child that the ingester has just begun is called like its parent until it runs its own program.
        """
        family = self.family()
        passing = {
            pid for pid, command in family.items() if INGESTER in command and family.get(parent_of(pid)) == command
        }
        return {pid for pid, command in family.items() if re.search(pattern, command)} - passing

    def pid_of(self, pattern: str) -> int:
        """The one process of the unit whose command line matches, once it is the only one."""

        def alone() -> set[int] | None:
            return pids if len(pids := self.named(pattern)) == 1 else None

        return wait_for(alone, what=f"one process that is called {pattern}").pop()

    def ingester(self) -> int:
        """The process that watches the folders."""
        return self.pid_of(INGESTER)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another watcher command on the same data."""
        return subprocess.run(
            [*self.command(*arguments), "--data", str(self.data)],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
            timeout=120,
        )

    # — questions —

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url(path), timeout=DEADLINE, **more)

    def clips(self, **parameters: Any) -> list[dict[str, Any]]:
        """Every clip that the API lists, page by page."""
        answer = self.get("/watcher/clips", params={"limit": 500, **parameters}).json()
        clips = answer["clips"]
        while answer["next"]:
            answer = self.get(answer["next"]).json()
            clips += answer["clips"]
        return clips

    def clip(self, key: str) -> dict[str, Any] | None:
        answer = self.get(f"/watcher/clips/by-key/{requests.utils.quote(key)}")
        assert answer.status_code in {200, 404}, (answer.status_code, answer.text)
        return answer.json() if answer.status_code == 200 else None

    def wait_clip(self, key: str, *, seconds: float = DEADLINE, **expected: Any) -> dict[str, Any]:
        """The clip of a key, once it is there and has these values."""

        def as_expected() -> dict[str, Any] | None:
            clip = self.clip(key)
            return clip if clip and all(clip[name] == value for name, value in expected.items()) else None

        return wait_for(as_expected, seconds=seconds, what=f"{key} with {expected}")

    def wait_pictured(self, key: str) -> dict[str, Any]:
        """The clip of a key, once it has poster and sprite: nothing changes by itself then."""
        return wait_for(lambda: (clip := self.clip(key)) and clip["sprite"] and clip, what=f"the pictures of {key}")

    def wait_logged(self, *words: str) -> None:
        """Once the ingester's log has these words: what it tells elsewhere may be told a moment before."""
        wait_for(lambda: all(each in self.logged() for each in words), what=f"{words} in the log")

    def problems(self) -> dict[str, str]:
        checks = self.get("/watcher/readyz").json()["checks"]
        return {name: answer for name, answer in checks.items() if answer != "ok"}

    def logged(self) -> str:
        return (self.log / "ingest.log").read_text()


def alive(pid: int) -> bool:
    """Whether a process runs; zombies do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


@contextlib.contextmanager
def running(folder: Path, **more: Any) -> Iterator[RunningUnit]:
    """A unit for the time of a block; ends it however the block ends."""
    unit = RunningUnit(folder, **more)
    try:
        yield unit.start()
    except BaseException:
        if unit.process is not None:
            print(unit.report())
        raise
    finally:
        if unit.process is not None and unit.process.poll() is None:
            unit.stop(signal.SIGKILL)  # twice as quick as asking, and nothing may stay then either
        # But for what the next start would remove.
        if (shared := unit.data / "run" / "nginx" / "cache").is_symlink():
            shutil.rmtree(shared.resolve(), ignore_errors=True)


def pretty(value: Any) -> str:
    return json.dumps(value, indent=1)
