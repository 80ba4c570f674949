"""The crew: threads that hand clips without a poster to worker processes, newest first."""

from __future__ import annotations

import logging
import threading

import msgspec

from watcher.catalog.store import Unrendered
from watcher.errors import RenderError
from watcher.naming import printable
from watcher.probe import playable
from watcher.render import Worker, drop_older_posters, poster_name
from watcher.wiring import Services

log = logging.getLogger("watcher.ingester")

IDLE_SECONDS = 5.0  # after which a worker gives its memory back
AWAY_SECONDS = 60.0  # before a picture is tried again of a clip whose file was not there
RETRY_SECONDS = 10.0  # after a fault of our own


class Crew:
    """Makes what is due, with at most so many workers as the settings say.

    What is to be done is asked of the catalog each time, so a restart goes on where it stopped and no queue grows.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._catalog = services.catalog
        self._wake = threading.Condition()
        self._work = True  # look at the catalog at start
        self._stopping = False
        self._taken: set[int] = set()
        self._away: dict[int, float] = {}  # clips whose file was not there, until when they are left alone
        self._threads = [
            threading.Thread(target=self._run, name=f"render-{number}", daemon=True)
            for number in range(services.settings.render.workers)
        ]
        self._workers: list[Worker] = []

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        with self._wake:
            self._work = True
            self._wake.notify_all()

    def stop(self) -> None:
        """End at once; a picture in the making is made again after the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for worker in self._workers:
            worker.kill()
        for thread in self._threads:
            thread.join(2)

    def _run(self) -> None:
        worker = Worker(timeout_seconds=self._services.settings.render.timeout_seconds)
        self._workers.append(worker)
        while not self._stopping:
            try:
                job = self._next(worker)
                if job is None:
                    return
                self._render(worker, job)
            except Exception:
                if self._stopping:
                    return
                log.exception("a poster could not be made or noted; trying again in a while")
                with self._wake:
                    self._wake.wait(RETRY_SECONDS)
                    self._work = True

    def _next(self, worker: Worker) -> Unrendered | None:
        """The next clip, waiting for one; None when it is time to stop."""
        while True:
            with self._wake:
                if self._stopping:
                    return None
                if not self._work:
                    if not self._wake.wait(IDLE_SECONDS if worker.running else None):
                        worker.close()
                    continue
                now = self._services.clock.monotonic()
                self._away = {clip_id: until for clip_id, until in self._away.items() if until > now}
                jobs = self._catalog.unrendered(1, exclude=[*self._taken, *self._away])
                if jobs:
                    self._taken.add(jobs[0].id)
                    return jobs[0]
                self._work = False

    def _render(self, worker: Worker, job: Unrendered) -> None:
        try:
            for attempt in (1, 2):
                try:
                    self._attempt(worker, job)
                    return
                except RenderError as reason:
                    if self._stopping:
                        return
                    if reason.fatal and attempt == 1:
                        continue  # once more, in a fresh process: the machine may have been out of memory
                    self._failed(job, reason)
                    return
        finally:
            with self._wake:
                self._taken.discard(job.id)

    def _attempt(self, worker: Worker, job: Unrendered) -> None:
        path = self._services.root.path(job.key)
        if job.state == "new":
            found = worker.probe(path)
            verdict, reason = playable(found.media)
            self._catalog.set_probe(
                job.id,
                job.digest,
                media=msgspec.json.encode(found.media).decode(),
                duration_seconds=found.duration_seconds,
                playable=verdict,
                playable_reason=reason,
            )
            log.info("%s is ready", printable(job.key))
            self.wake()
            return
        clip = self._catalog.clip(job.id)
        media = clip.media_info
        if media is not None and media.video is None:
            self._catalog.set_poster(job.id, job.digest, poster=None, error="it has no picture")
            return
        rotation = media.video.rotation if media and media.video else 0
        name = poster_name(job.id, job.digest)
        worker.poster(path, self._services.places.renditions / name, rotation)
        # 1. the picture is on disk, 2. its row says so, 3. older pictures go. A crash after 1 makes it again.
        if self._catalog.set_poster(job.id, job.digest, poster=name, error=None):
            drop_older_posters(self._services.places.renditions, name)

    def _failed(self, job: Unrendered, reason: RenderError) -> None:
        """A file that harms the decoder, or holds nothing it can show, is broken; one that moved is not."""
        try:
            there = self._services.root.look(job.key)
        except OSError:
            there = None
        error = str(reason)
        if there is None:
            with self._wake:  # moved or gone while we looked: not at once again, or we would spin on it
                self._away[job.id] = self._services.clock.monotonic() + AWAY_SECONDS
            return
        log.warning("%s: no poster: %s", printable(job.key), error)
        self._catalog.set_poster(job.id, job.digest, poster=None, error=error)
        if reason.fatal or job.state == "new" or "Invalid data" in error or "could be decoded" in error:
            self._catalog.set_broken(job.id, job.digest, error)
