"""Makes proxies, one at a time: copies that every browser plays, of clips that some cannot.

The steps of one: 1. the file is written aside, 2. it gets its name, 3. the rows say so. A crash after 1 or 2 makes
it again under the same name. Those that are spent go the other way round: 1. the rows forget them, 2. the files go;
what a crash leaves in between goes at the next start. A clip itself is only ever read.
"""

from __future__ import annotations

import contextlib
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from watcher.catalog.proxies import ProxyJob
from watcher.catalog.rendition_names import PROXIES, proxy_name
from watcher.media.probe import plain
from watcher.model.clip import MediaInfo
from watcher.model.errors import RenderError, WatcherError
from watcher.naming.ignore import printable
from watcher.renditions.jobs import Jobs
from watcher.services import Services
from watcher.tiering.footage import Footage

log = logging.getLogger("watcher.ingester")


class Proxies(Jobs):
    """Makes the proxies that people asked for, or the settings."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "proxies")
        self._settings = services.settings.proxy
        self._folder = services.places.renditions / PROXIES

    def begin(self) -> None:
        """Remove what a crash has left, and forget what is not there."""
        self._folder.mkdir(exist_ok=True)
        names = self.catalog.proxies.names()
        for path in self._folder.iterdir():
            if path.is_file() and f"{PROXIES}/{path.name}" not in names:
                path.unlink()
        there = {f"{PROXIES}/{path.name}" for path in self._folder.iterdir()}
        self.catalog.proxies.drop(self.catalog.proxies.without(there))

    def drop_spent(self) -> None:
        """Forget proxies that are too old or too many, and remove their files."""
        before = self.services.clock.now() - timedelta(days=self._settings.max_age_days)
        for name in self.catalog.proxies.drop(self.catalog.proxies.spent(before, self._settings.max_bytes)):
            with contextlib.suppress(FileNotFoundError):
                (self._folder.parent / name).unlink()

    def make(self) -> None:
        """Make what is wanted, one after the other."""
        while self._settings.make == "ahead" and self._want_ahead():
            pass
        while not self.stopped.is_set() and (wish := self._next()) is not None:
            self._make(wish)

    def _next(self) -> ProxyJob | None:
        return None if self._settings.make == "off" else self.catalog.proxies.next()

    def _want_ahead(self) -> bool:
        now = self.services.clock.now()
        since = now - timedelta(days=self._settings.max_age_days)
        return not self.stopped.is_set() and self.catalog.proxies.want_ahead(started_after=since, now=now)

    def _make(self, wish: ProxyJob) -> None:
        self.must_have_room()
        target = self._folder.parent / proxy_name(wish.clip_id, wish.digest)
        aside = target.with_suffix(".tmp")
        began = self.services.clock.monotonic()
        try:
            try:
                path = Footage.of(self.services).path(wish.key)
            except WatcherError as reason:  # its store is away, or the disk has no room for a copy
                raise RenderError(str(reason)) from None
            if path is None:
                raise RenderError("its file is not there")
            self.work(
                "watcher.workers.proxy",
                self._job(wish, path, aside),
                lambda share: self.catalog.proxies.set_share(wish.clip_id, share),
            )
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            size = aside.stat().st_size
            aside.replace(target)
        except RenderError as reason:
            self.must_have_room()  # or the disk is what went wrong
            log.warning("%s: no proxy: %s", printable(wish.key), reason)
            self.catalog.proxies.set_error(wish.clip_id, wish.digest, str(reason), now=self.services.clock.now())
            return
        finally:
            aside.unlink(missing_ok=True)
        if not self.catalog.proxies.set_done(wish.clip_id, wish.digest, size, now=self.services.clock.now()):
            target.unlink(missing_ok=True)
            return
        self.look_for_spent()
        log.info("%s: a proxy was made in %.1f s", printable(wish.key), self.services.clock.monotonic() - began)

    def _job(self, wish: ProxyJob, path: str, aside: Path) -> dict[str, Any]:
        media = None if wish.media is None else msgspec.json.decode(wish.media, type=MediaInfo)
        picture, sound = (False, False) if media is None else plain(media)
        return {
            "path": path,
            "out": str(aside),
            "container": None if media is None else media.container,
            "height": self._settings.height,
            "threads": self._settings.threads,
            "rotation": media.video.rotation if media is not None and media.video is not None else 0,
            "copy_video": picture,
            "copy_audio": sound,
            "most_bytes": self._settings.max_bytes,
        }
