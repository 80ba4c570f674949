"""Whoever leaves, sends, labels, moves and removes clips while processes are killed; and what each was promised."""

from __future__ import annotations

import contextlib
import ftplib
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests import clips
from tests.running import RunningUnit
from watcher.workers.parent_death import die_with_parent

TIMEOUT = 20.0  # seconds: longer than any process takes to come back
AWAY = (requests.RequestException, OSError, TusCommunicationError, ftplib.Error, EOFError)


@dataclass
class Promise:
    """What somebody was told, or knows, of one content."""

    way: str
    labels: set[str] = field(default_factory=set)
    retired: bool | None = False  # None: it was asked for, and no answer came


class World:
    """One watcher, everybody who uses it, and all that was promised."""

    def __init__(self, unit: RunningUnit, sample: bytes, folder: Path, seed: int) -> None:
        self.unit = unit
        self.sample = sample
        self.camera = folder / "camera"
        self.camera.mkdir()
        self.random = random.Random(seed)
        self.promises: dict[str, Promise] = {}  # by the SHA-256 of the content
        self.dropped: list[Path] = []
        self.sent: list[str] = []  # keys of what came by PUT
        self.counts: Counter[str] = Counter()
        self.over = threading.Event()
        self.failures: list[BaseException] = []
        self.pusher: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._number = 0
        self._threads: list[threading.Thread] = []

    # — life —

    def start(self, key: str) -> None:
        """Begin everything that somebody does; `key` is an upload key for the FTP door."""
        for act in (self.drop, self.put, self.tus, self.label, self.rename, self.retire, self.ask, self.push):
            self._begin(act)
        self._begin(lambda: self.ftp(key))

    def end(self) -> None:
        """Let each finish what it is at."""
        self.over.set()
        for thread in self._threads:
            thread.join(3 * TIMEOUT)
            assert not thread.is_alive(), thread.name

    def _begin(self, act: Callable[[], None]) -> None:
        def run() -> None:
            while not self.over.is_set():
                with contextlib.suppress(*AWAY):
                    try:
                        act()
                    except AWAY:
                        self.over.wait(0.1)
                    except BaseException as reason:
                        self.failures.append(reason)
                        return
                self.over.wait(self.random.uniform(0.01, 0.15))

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def content(self) -> tuple[int, bytes, str]:
        """A number, a clip of its own content, and the SHA-256 of that."""
        with self._lock:
            self._number += 1
            number = self._number
        data = clips.stamp(self.sample, number)
        return number, data, hashlib.sha256(data).hexdigest()

    def promise(self, sha: str, way: str) -> None:
        """Somebody was told that this content is there."""
        with self._lock:
            self.promises.setdefault(sha, Promise(way))
            self.counts[way] += 1

    def url(self, path: str) -> str:
        """An address of the watcher."""
        return self.unit.url(path)

    # — ways in —

    def drop(self) -> None:
        """A recorder writes aside, syncs and renames: it is there, whoever looks."""
        number, data, sha = self.content()
        folder = self.unit.video / "dropped"
        folder.mkdir(exist_ok=True)
        aside, path = folder / f".{number}.tmp", folder / f"{number}.mp4"
        aside.write_bytes(data)
        aside.rename(path)
        self.promise(sha, "drop")
        self.dropped.append(path)

    def put(self) -> None:
        """A camera sends, and sends again until it is told that the clip is there."""
        number, data, sha = self.content()
        while not self.over.is_set():
            with contextlib.suppress(*AWAY):
                done = requests.put(self.url(f"/watcher/uploads/put/{number}.mp4"), data=data, timeout=TIMEOUT)
                assert done.status_code < 500 or done.status_code in {500, 502, 503, 504}, done.text
                if done.status_code in {200, 201}:
                    self.promise(sha, "put")
                    self.sent.append(f"put/{number}.mp4")
                    return
                assert done.status_code != 409, "its own bytes stand in its way"
            self.over.wait(0.2)

    def tus(self) -> None:
        """tuspy sends in small pieces and goes on where the server says that it is."""
        number, data, sha = self.content()
        path = self.camera.parent / f"tus-{number}.mp4"
        path.write_bytes(data)
        client = TusClient(self.url("/watcher/tus"))
        meta = {"camera": "tus", "filename": f"{number}.mp4"}
        address = None
        while not self.over.is_set():
            with contextlib.suppress(*AWAY), path.open("rb") as file:
                sender = client.uploader(
                    file_stream=file, chunk_size=len(data) // 4 + 1, metadata=meta, url=address
                )
                address = sender.url or sender.create_url()
                sender.set_url(address)
                sender.offset = sender.get_offset()
                sender.upload()
                if sender.get_offset() == len(data):
                    self.promise(sha, "tus")
                    break
            if address is not None and self._gone(address):
                address = None
            self.over.wait(0.2)
        path.unlink()

    def _gone(self, address: str) -> bool:
        with contextlib.suppress(*AWAY):
            answer = requests.head(address, headers={"Tus-Resumable": "1.0.0"}, timeout=TIMEOUT)
            return answer.status_code in {404, 410}
        return False

    def ftp(self, key: str) -> None:
        """A camera that can only do FTP."""
        number, data, sha = self.content()
        path = self.camera.parent / f"ftp-{number}.mp4"
        path.write_bytes(data)
        host, _, port = self.unit.environment["WATCHER_FTP__LISTEN"].rpartition(":")
        while not self.over.is_set():
            with contextlib.suppress(*AWAY), ftplib.FTP(timeout=TIMEOUT) as client, path.open("rb") as file:
                client.connect(host, int(port))
                client.login("camera", key)
                if client.storbinary(f"STOR {number}.mp4", file).startswith("226"):
                    self.promise(sha, "ftp")
                    break
            self.over.wait(0.3)
        path.unlink()

    def push(self) -> None:
        """A camera writes clips, and `watcher push --delete` beside it removes what the server has."""
        self.keep_pushing()
        if len(list(self.camera.glob("*.mp4"))) < 5:
            number, data, sha = self.content()
            aside = self.camera / f".{number}.tmp"
            aside.write_bytes(data)
            self.promise(sha, "push")  # it is in one of the two places, always
            aside.rename(self.camera / f"{number}.mp4")

    def keep_pushing(self) -> None:
        """Start `watcher push` where it does not run."""
        if self.pusher is not None and self.pusher.poll() is None:
            return
        words = [sys.executable, "-m", "watcher", "push", str(self.camera), "--to", self.url("")]
        with (self.camera.parent / "push.log").open("ab") as log:
            self.pusher = subprocess.Popen(
                [*words, "--camera", "push", "--delete"],
                stderr=log,
                env=os.environ,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )

    # — what is done with clips —

    def label(self) -> None:
        """A person says what a clip shows."""
        if not self.sent:
            return
        key = self.random.choice(self.sent)
        answer = requests.get(self.url(f"/watcher/clips/by-key/{key}"), timeout=TIMEOUT)
        if answer.status_code != 200:
            return
        name = self.random.choice(["fox", "car", "person"])
        done = requests.put(self.url(f"/watcher/clips/{answer.json()['id']}/labels/{name}"), timeout=TIMEOUT)
        if done.ok:
            with self._lock:
                self.promises[self.sha_of(key)].labels.add(name)
                self.counts["label"] += 1

    def sha_of(self, key: str) -> str:
        """The content that was sent under a key."""
        number = int(key.rpartition("/")[2].removesuffix(".mp4"))
        return hashlib.sha256(clips.stamp(self.sample, number)).hexdigest()

    def rename(self) -> None:
        """A person tidies up."""
        if not self.dropped:
            return
        path = self.random.choice(self.dropped)
        target = self.unit.video / "moved" / path.name
        target.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.rename(target)
            self.counts["rename"] += 1

    def retire(self) -> None:
        """A person gives a clip up; it goes into the bin."""
        if len(self.sent) < 5 or self.random.random() < 0.7:
            return
        key = self.sent.pop(self.random.randrange(len(self.sent) - 1))
        promise = self.promises[self.sha_of(key)]
        answer = requests.get(self.url(f"/watcher/clips/by-key/{key}"), timeout=TIMEOUT)
        if answer.status_code != 200:
            self.sent.append(key)
            return
        promise.retired = None
        done = requests.delete(self.url(f"/watcher/clips/{answer.json()['id']}"), timeout=TIMEOUT)
        if done.ok:
            promise.retired = True
            self.counts["retire"] += 1

    def ask(self) -> None:
        """Somebody wants a film, or a copy; they cost nobody else anything, however they end."""
        if not self.sent or self.random.random() < 0.8:
            return
        key = self.random.choice(self.sent)
        answer = requests.get(self.url(f"/watcher/clips/by-key/{key}"), timeout=TIMEOUT)
        if answer.status_code == 200:
            clip = answer.json()
            about = {"cameras": [clip["camera"]], "from": clip["started_at"], "to": clip["ended_at"]}
            requests.post(self.url("/watcher/exports"), json=about, timeout=TIMEOUT)
            requests.post(self.url(f"/watcher/clips/{clip['id']}/proxy"), timeout=TIMEOUT)
            self.counts["film"] += 1
