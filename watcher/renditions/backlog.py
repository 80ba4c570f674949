"""The backlog: which clips wait for a probe, a poster or a sprite, and which of them are in somebody's hands."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterable
from datetime import timedelta

from watcher.catalog.rendition_names import Renditions
from watcher.catalog.rows import Unrendered
from watcher.services import Services

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 300.0  # at most, between two looks at which clips are to be tried again
SHARED_LOOK_SECONDS = 30.0  # … where others claim too: what one of them left behind is free once its claims ran out
AWAY_SECONDS = 5.0  # before a clip is tried again whose file was not there
BATCH = 32  # clips asked of the catalog at once
SHARED_BATCH = 4  # … where others ask too
CLAIM, RENEWAL_SECONDS = timedelta(seconds=120), 30.0  # a worker has ended any clip long before


class Backlog:
    """What is to be done next, for several threads.

    It is asked of the catalog each time, so a restart goes on where it stopped and no queue grows.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._floor = services.settings.upload.min_free_bytes
        self._change = threading.Condition()  # guards all of the following
        self._work = True  # look at the catalog at start
        self._stopping = False
        self._cramped = False  # the disk was nearly full when the catalog was asked last
        self._jobs: deque[Unrendered] = deque()  # asked of the catalog, in nobody's hands yet
        self._taken: set[int] = set()  # clips in a thread's hands, or done and not noted yet
        self._away: dict[int, float] = {}  # clips that are left alone for now, until when
        self._retry_at = 0.0  # monotonic: when the next one that the catalog puts off is due, or it is to be asked
        # Whose claims are ours, where several ingesters share the work.
        self._owner = f"{socket.gethostname()}-{secrets.token_hex(4)}" if services.settings.ingest.shared else ""
        self._renewed_at = 0.0  # monotonic

    @property
    def stopping(self) -> bool:
        """Whether it is time to end."""
        return self._stopping

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be taken, as far as is known."""
        with self._change:
            return not (self._jobs or self._work or self._stopping)

    def wake(self) -> None:
        """Look again: there may be something to do, perhaps newer than what was taken last."""
        with self._change:
            self._work = True
            if not self._owner:  # what is claimed is few, and ours to do
                self._jobs.clear()
            self._change.notify_all()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._change:
            self._stopping = True
            self._change.notify_all()

    def close(self) -> None:
        """Give up all claims, so that others may do the work; where this fails the claims end in two minutes."""
        if self._owner:
            try:
                self._services.catalog.claims.release(self._owner)
            except Exception as reason:
                log.warning("claims stay for a while: %s", reason)

    def take(self) -> Unrendered | None:
        """The next clip, None when there is none, or it is time to stop."""
        with self._change:
            if self._stopping:
                return None
            now = self._services.clock.monotonic()
            if self._owner and now - self._renewed_at > RENEWAL_SECONDS:
                self._services.catalog.claims.renew(self._owner, until=self._services.clock.now() + CLAIM)
                self._renewed_at = now
            if not self._jobs and self._work:
                self._away = {clip_id: until for clip_id, until in self._away.items() if until > now}
                self._jobs.extend(self._due())
                self._work = bool(self._jobs)
            if not self._jobs:
                return None
            job = self._jobs.popleft()
            self._taken.add(job.id)
            return job

    def give_back(self, clip_ids: Iterable[int]) -> None:
        """Give clips back that are done, or not; the catalog knows which of them are due again."""
        with self._change:
            ids = list(clip_ids)
            self._taken.difference_update(ids)
            if self._owner and ids:
                self._services.catalog.claims.release(self._owner, ids)
            self._work = True
            self._change.notify_all()

    def put_off(self, clip_id: int, seconds: float = AWAY_SECONDS) -> None:
        """Let a clip wait whose file is not there, say: taken again at once, we would spin on it."""
        with self._change:
            self._away[clip_id] = self._services.clock.monotonic() + seconds

    def retry(self, job: Unrendered, error: str, *, tries: int, seconds: float) -> None:
        """Let the catalog put a clip off, over restarts too."""
        due = self._services.clock.now() + timedelta(seconds=seconds)
        self._services.catalog.retries.retry(job.id, job.digest, error, tries=tries, due=due)
        with self._change:
            self._retry_at = min(self._retry_at, self._services.clock.monotonic() + seconds)

    def pause(self, seconds: float) -> None:
        """Wait, then look at the catalog again."""
        until = self._services.clock.monotonic() + seconds
        with self._change:
            while not self._stopping and (left := until - self._services.clock.monotonic()) > 0:
                self._change.wait(left)
            self._work = True

    def wait(self, seconds: float | None) -> bool:
        """Wait until there may be something to do; False after so many seconds, when the caller may rest."""
        with self._change:
            if self._away or self._cramped:
                seconds = seconds or AWAY_SECONDS
            left = max(0.0, self._retry_at - self._services.clock.monotonic())
            seconds = left if seconds is None else min(seconds, left)
            while not (self._stopping or self._work or self._jobs):
                if not self._change.wait(seconds):
                    roomy = self._cramped and self._services.root.has_room(self._floor)
                    due = self._services.clock.monotonic() >= self._retry_at
                    self._work = bool(self._away) or roomy or due  # their files may be back, or room is
                    return False
            return True

    def _due(self) -> list[Unrendered]:
        """What the catalog says is to be made; probes only while the disk is nearly full: clips come first."""
        self._cramped = not self._services.root.has_room(self._floor)
        if self._cramped:
            what = Renditions.NONE
        else:
            what = Renditions.ALL if self._services.settings.render.sprites else Renditions.POSTERS
        exclude, catalog = [*self._taken, *self._away], self._services.catalog
        if self._services.clock.monotonic() >= self._retry_at:
            self._retry_at = self._next_retry(catalog.retries.renew(self._services.clock.now()))
        if not self._owner:
            return catalog.files.unrendered(BATCH, exclude=exclude, what=what)
        now = self._services.clock.now()
        return catalog.claims.claim(
            self._owner, SHARED_BATCH, until=now + CLAIM, now=now, exclude=exclude, what=what
        )

    def _next_retry(self, due_ms: int | None) -> float:
        """When to ask the catalog again for those that it puts off, monotonic: others put off some, too."""
        clock = self._services.clock
        most = SHARED_LOOK_SECONDS if self._owner else LOOK_SECONDS
        left = most if due_ms is None else due_ms / 1000 - clock.now().timestamp()
        return clock.monotonic() + min(most, max(0.0, left))
