"""Makes proxies, one at a time: copies that every browser plays, of clips that some cannot.

The steps of one: 1. the file is written aside, 2. it gets its name, 3. the rows say so. A crash after 1 or 2 makes
it again under the same name. Those that are spent go the other way round: 1. the rows forget them, 2. the files go;
what a crash leaves in between goes at the next start. A clip itself is only ever read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from watcher.catalog.proxying import Wanted
from watcher.catalog.renditions import PROXIES, proxy_name
from watcher.clip import MediaInfo
from watcher.errors import RenderError
from watcher.ignoring import printable
from watcher.probe import plain
from watcher.wiring import Services

log = logging.getLogger("watcher.ingester")

WORKER = (sys.executable, "-P", "-m", "watcher.proxy_worker")
LOOK_SECONDS = 1.0  # between two looks at what is wanted: other processes take the wishes
SPENT_SECONDS = 60.0  # between two looks at what is too old
RETRY_SECONDS = 10.0  # after a fault of our own, and while the disk is nearly full
STALL_SECONDS = 120.0  # after which a worker that says nothing is ended


class Said(msgspec.Struct, frozen=True):
    """What a worker says."""

    seconds: float | None = None  # of the clip, that are done
    made: bool = False
    error: str | None = None


class _StoppedError(Exception):
    """It cannot be made now, whatever the clip: we are to end, or the disk is nearly full."""


class Proxies(threading.Thread):
    """Makes what is wanted, at the lowest priority."""

    def __init__(self, services: Services) -> None:
        super().__init__(name="proxies", daemon=True)
        self._services = services
        self._catalog = services.catalog
        self._settings = services.settings.proxy
        self._folder = services.places.renditions / PROXIES
        self._floor = services.settings.upload.min_free_bytes
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._spent_at = 0.0

    def stop(self) -> None:
        """End it at once; what is in the making is made again after the next start."""
        self._stopped.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Until it is stopped; what fails is said and tried again."""
        begun = False
        while not self._stopped.is_set():
            pause = LOOK_SECONDS
            try:
                if not begun:
                    self._begin()
                    begun = True
                self._drop_spent()
                while self._settings.make == "ahead" and self._want_ahead():
                    pass
                while not self._stopped.is_set() and (wanted := self._next()) is not None:
                    self._make(wanted)
            except _StoppedError:
                pause = RETRY_SECONDS
            except Exception:
                log.exception("proxies: trying again in a while")
                pause = RETRY_SECONDS
            self._stopped.wait(pause)

    def _begin(self) -> None:
        """Remove what a crash has left, and forget what is not there."""
        self._folder.mkdir(exist_ok=True)
        known = self._catalog.proxy_names()
        for path in self._folder.iterdir():
            if path.is_file() and f"{PROXIES}/{path.name}" not in known:
                path.unlink()
        there = {f"{PROXIES}/{path.name}" for path in self._folder.iterdir()}
        self._catalog.drop_proxies(self._catalog.proxies_without(there))

    def _drop_spent(self) -> None:
        now = self._services.clock.monotonic()
        if now - self._spent_at < SPENT_SECONDS and self._spent_at:
            return
        self._spent_at = now
        before = self._services.clock.now() - timedelta(days=self._settings.max_age_days)
        for name in self._catalog.drop_proxies(self._catalog.spent_proxies(before, self._settings.max_bytes)):
            with contextlib.suppress(FileNotFoundError):
                (self._folder.parent / name).unlink()

    def _next(self) -> Wanted | None:
        return None if self._settings.make == "off" else self._catalog.next_proxy()

    def _want_ahead(self) -> bool:
        now = self._services.clock.now()
        since = now - timedelta(days=self._settings.max_age_days)
        return not self._stopped.is_set() and self._catalog.want_proxies_ahead(started_after=since, now=now)

    def _make(self, wanted: Wanted) -> None:
        self._must_have_room()
        target = self._folder.parent / proxy_name(wanted.clip_id, wanted.digest)
        aside = target.with_suffix(".tmp")
        began = self._services.clock.monotonic()
        try:
            if self._services.root.look(wanted.key) is None:
                raise RenderError("its file is not there")
            self._work(self._job(wanted, aside))
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            size = aside.stat().st_size
            aside.replace(target)
        except RenderError as reason:
            log.warning("%s: no proxy: %s", printable(wanted.key), reason)
            self._catalog.set_no_proxy(wanted.clip_id, wanted.digest, str(reason), now=self._services.clock.now())
            return
        finally:
            aside.unlink(missing_ok=True)
        if not self._catalog.set_proxy(wanted.clip_id, wanted.digest, size, now=self._services.clock.now()):
            target.unlink(missing_ok=True)
            return
        self._spent_at = 0.0  # there may be too many bytes now
        log.info("%s: a proxy was made in %.1f s", printable(wanted.key), self._services.clock.monotonic() - began)

    def _job(self, wanted: Wanted, aside: Path) -> dict[str, Any]:
        media = None if wanted.media is None else msgspec.json.decode(wanted.media, type=MediaInfo)
        picture, sound = (False, False) if media is None else plain(media)
        return {
            "path": self._services.root.path(wanted.key),
            "out": str(aside),
            "height": self._settings.height,
            "threads": self._settings.threads,
            "rotation": media.video.rotation if media is not None and media.video is not None else 0,
            "copy_video": picture,
            "copy_audio": sound,
            "most_bytes": self._settings.max_bytes,
        }

    def _work(self, job: dict[str, Any]) -> None:
        """Have a worker do a job. Raises RenderError where it cannot be done, _StoppedError where not now."""
        process = self._process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - for the type checker
        try:
            with contextlib.suppress(BrokenPipeError):  # it died; what it does not say tells
                process.stdin.write(msgspec.json.encode(job) + b"\n")
                process.stdin.flush()
            self._hear(process.stdout.fileno())
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()

    def _hear(self, said: int) -> None:
        """Read what a worker says, until it says that it is done."""
        clock, rest = self._services.clock, b""
        heard = clock.monotonic()
        while True:
            if self._stopped.is_set():
                raise _StoppedError
            if not select.select([said], [], [], LOOK_SECONDS)[0]:
                if clock.monotonic() - heard > STALL_SECONDS:
                    raise RenderError(f"the decoder said nothing for {STALL_SECONDS:.0f} s")
                continue
            heard = clock.monotonic()
            piece = os.read(said, 65536)
            if not piece:
                raise RenderError("the decoder crashed")
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                one = msgspec.json.decode(line, type=Said)
                if one.made:
                    return
                self._must_have_room()  # also where a full disk is what went wrong
                if one.error is not None:
                    raise RenderError(one.error)

    def _must_have_room(self) -> None:
        if not self._services.root.has_room(self._floor):
            raise _StoppedError
