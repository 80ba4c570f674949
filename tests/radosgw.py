"""Ceph's radosgw, a real S3 server: over one monitor and one OSD, on free ports, below a folder.

It is up in some 20 s, and takes 400 MB. What its OSD was given is on the disk, and there again after a kill. Debian: `apt install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from tests.running import wait_for
from watcher.model.errors import StoreAwayError
from watcher.stores.s3 import S3
from watcher.workers.parent_death import die_with_parent

PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool")
KEY, SECRET = "TESTKEY", "testsecret"
_NAMES = {"ceph-mon": ("-i", "a"), "ceph-osd": ("-i", "0"), "radosgw": ("-n", "client.rgw")}
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
ms bind port min = {least}
ms bind port max = {most}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
osd class update on start = false
osd crush update on start = false
osd heartbeat grace = 600
osd op thread timeout = 600
osd op thread suicide timeout = 0
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 4294967296
bluestore cache autotune = false
bluestore cache size = 67108864
run dir = {folder}/run
admin socket = {folder}/run/$cluster-$name.asok
log file = {folder}/log/$name.log
keyring = {folder}/keyring
[mon.a]
host = localhost
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd0
host = localhost
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {folder}/rgw
rgw dynamic resharding = false
rgw op thread timeout = 0
rgw bucket quota ttl = 0
rgw user quota bucket sync interval = 0
"""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Radosgw:
    """One cluster; its processes end with this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = _free_range(20)
        self.port = self._ports
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._conf = folder / "ceph.conf"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in ("mon", "osd0", "rgw", "run", "log"):
            (self.folder / name).mkdir(parents=True)
        fsid, osd, mon = str(uuid.uuid4()), str(uuid.uuid4()), self._ports + 1
        self._conf.write_text(
            _CONFIGURATION.format(
                fsid=fsid, mon=mon, least=mon + 1, most=mon + 18, folder=self.folder, port=self.port
            )
        )
        self._run(
            "monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"v1:127.0.0.1:{mon}", self.folder / "monmap"
        )
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.folder / "monmap")
        self._spawn("ceph-mon")
        self._run("ceph", "--connect-timeout", "60", "osd", "new", osd, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._run("ceph", "osd", "crush", "add-bucket", "localhost", "host")
        self._run("ceph", "osd", "crush", "move", "localhost", "root=default")
        self._run("ceph", "osd", "crush", "add", "osd.0", "1.0", "host=localhost")
        self._spawn("ceph-osd")
        self._await(lambda: "1 up" in self._run("ceph", "osd", "stat"), "the OSD")
        self.run_again()
        self.user("test", KEY, SECRET)

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(30)

    def admin(self, *words: str) -> Any:
        """What radosgw-admin answers."""
        output = self._run("radosgw-admin", "-n", "client.rgw", *words)
        return json.loads(output) if output.startswith(("{", "[")) else output

    @contextlib.contextmanager
    def frozen(self, program: str = "radosgw") -> Iterator[None]:
        """One of its programs does nothing for the time of a block."""
        process = self._processes[program]
        process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{process.pid}/task")
        wait_for(lambda: {_state(task) for task in tasks.iterdir()} == {"T"}, what="a standstill")
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def kill(self, program: str = "radosgw") -> None:
        """End one of its programs as a power cut does."""
        process = self._processes.pop(program)
        process.kill()
        process.wait(30)

    def revive(self, program: str) -> None:
        """Start a program that was killed, and wait for nothing."""
        self._spawn(program)

    def run_again(self) -> None:
        """Start the S3 server, also after a kill."""
        self._spawn("radosgw")
        self._await(self._answers, "radosgw")

    def user(self, name: str, key: str, secret: str, *, objects: int | None = None) -> None:
        """Somebody with keys, of whose buckets each may have so many objects."""
        self.admin(
            "user",
            "create",
            f"--uid={name}",
            f"--display-name={name}",
            f"--access-key={key}",
            f"--secret-key={secret}",
        )

        if objects is not None:
            of = ("--quota-scope=bucket", f"--uid={name}")
            self.admin("quota", "set", *of, f"--max-objects={objects}")
            self.admin("quota", "enable", *of)

    def bucket(self, *, prefix: str = "", key: str = KEY, secret: str = SECRET) -> S3:
        """An empty bucket as a store."""
        s3 = S3("cold", self.endpoint, f"clips-{uuid.uuid4()}", keys=lambda: (key, secret), prefix=prefix)
        wait_for(lambda: self._made(s3), what="a bucket")  # the OSD waits some 30 s for a server that was killed
        return s3

    def _await(self, question: Callable[[], bool], what: str) -> None:
        """Wait for a program; where it does not come, tell what all of them said."""
        try:
            wait_for(question, seconds=120, what=what)
        except AssertionError as reason:
            ends = {name: process.poll() for name, process in self._processes.items()}
            logs = (
                f"— {path.name} —\n{path.read_text(errors='replace')[-4000:]}"
                for path in sorted((self.folder / "log").iterdir())
            )
            raise RuntimeError("\n".join([f"{reason}; ended: {ends}", *logs])) from reason

    def _made(self, bucket: S3) -> bool:
        with contextlib.suppress(StoreAwayError):
            bucket.make()
            return True
        return False

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.endpoint, timeout=5).ok
        return False

    def _spawn(self, program: str) -> None:
        log = (self.folder / "log" / f"{program}.out").open("ab")
        self._processes[program] = subprocess.Popen(
            [program, "-c", str(self._conf), "-f", *_NAMES[program]],
            stdout=log,
            stderr=log,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )
        log.close()

    def _run(self, *words: object, retries: int = 5) -> str:
        command = [
            str(words[0]),
            *([] if words[0] == "monmaptool" else ["-c", str(self._conf)]),
            *map(str, words[1:]),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": "/nonexistent"}
        )
        if retries and "problem getting command descriptions" in done.stderr:  # the monitor is not ready yet
            return self._run(*words, retries=retries - 1)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout


def _state(task: Path) -> str:
    """What a thread does, by one letter."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def _free_range(count: int) -> int:
    """The first of some ports in a row that nobody listens on, below those that the kernel gives."""
    for least in range(20000 + os.getpid() % 100 * 100, 32000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(least, least + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return least
    raise RuntimeError("no free ports")


@contextlib.contextmanager
def radosgw(folder: Path) -> Iterator[Radosgw]:
    """A cluster for the time of a block."""
    cluster = Radosgw(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
