"""Looks at clips that wait for a model: a task of the ingester, or of a process that does nothing else.

    claim ─▶ a worker looks (`worker.py`) ─▶ verdict ─▶ the best sight as its poster, where it has labels
                                                  ─▶ labels and "done" at once ─▶ the claim is given back

A kill at any point leaves a clip that waits, under a claim that ends after two minutes. Looked at again it gets the
same poster, under the same name.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from watcher.catalog.inspections import NEAR_MS, Uninspected
from watcher.catalog.rendition_names import sight_name
from watcher.labels.model import Model, model_of
from watcher.labels.verdict import Rules, Verdict, verdict
from watcher.model.clip import MediaInfo
from watcher.naming.ignore import printable
from watcher.services import Services
from watcher.storage.status import LabelsState
from watcher.tiering.footage import Footage
from watcher.workers.process import Answer, ClipError, StoringError, Worker, WorkerError

log = logging.getLogger("watcher.ingester")

WORKER = (sys.executable, "-P", "-m", "watcher.labels.worker")
LOOK_SECONDS = 1.0  # between two looks for clips that wait
IDLE_SECONDS = 30.0  # after which the worker gives its memory back
FAULT_SECONDS = 60.0  # after a fault of the model's, before the next try
BATCH = 4  # claimed at once
AHEAD = 2  # given to the worker before the first is answered
FILL = 100  # clips that are given rows at once
CLAIM, RENEWAL_SECONDS = timedelta(seconds=120), 30.0
SLOWER = 4  # times what a picture may take: it is done at the lowest priority
FAULTS = 3  # of the model, at one clip
TRIES = 2  # that a clip has which crashes or stops a decoder
AGAIN_SECONDS, LONGEST_SECONDS, AGAIN_TIMES = 60.0, 86400.0, 4
COUNT_SECONDS = 60.0  # between two counts of what is left


class Handed(NamedTuple):
    """A clip that the worker has in hand: it looks at it, or, after the verdict, makes its poster."""

    job: Uninspected
    verdict: Verdict | None = None
    poster: str = ""


class Labeller:
    """Looks at the clips that wait for a model."""

    def __init__(self, services: Services, *, old: bool | None = None) -> None:
        """`old`: whether clips from before the model are looked at too; else the settings say."""
        self._services = services
        self._footage = Footage.of(services)
        self._old = services.settings.labels.old if old is None else old
        self._settings = services.settings.labels
        self._catalog = services.catalog
        self._clock = services.clock
        self.name, self.every_seconds, self.stopped = "labels", LOOK_SECONDS, threading.Event()
        self.warning: str | None = None  # why nothing is looked at
        self.done = 0  # clips, since the start
        self._left = (0, 0)  # clips that wait, and of these the old ones
        self._per_minute = 0.0
        self._model: Model | None = None
        self._worker: Worker | None = None
        self._owner = f"labels-{socket.gethostname()}-{secrets.token_hex(4)}"
        self._renewed_at = self._idle_at = self._rest_until = self._counted_at = -1e9  # monotonic
        self._counted_done = 0

    def turn(self) -> None:
        """Look at all clips that wait, as long as there are some."""
        now = self._clock.monotonic()
        if now < self._rest_until:
            return
        try:
            while not self.stopped.is_set() and self.step():
                self.warning = None
        except WorkerError as reason:
            if not self.stopped.is_set():
                self._fault(str(reason))
        finally:
            if self.stopped.is_set():
                self.close()

    def stop(self) -> None:
        """End what a worker is doing, from another thread; the clip is looked at after the next start."""
        worker = self._worker
        if worker is not None:
            worker.kill()

    def state(self) -> LabelsState:
        """How many clips were looked at, and how many wait."""
        waiting, old = self._left
        return LabelsState(self.done, waiting, old, self._per_minute, self.warning)

    def close(self) -> None:
        """End the worker, and let others have what is not done."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._catalog.claims.release(self._owner)

    def _fault(self, reason: str) -> None:
        """Of ours, or the model's: nothing is concluded about clips."""
        self.close()
        self._rest_until = self._clock.monotonic() + FAULT_SECONDS
        if reason != self.warning:
            log.error("no labels by a model: %s; trying again in %.0f s", reason, FAULT_SECONDS)
        self.warning = reason

    def step(self) -> bool:
        """Look at some clips; False where none waits. Raises WorkerError where the model cannot look."""
        model = self.ready()
        now, clock = self._clock.now(), self._clock.monotonic()
        self._catalog.inspections.fill(model.name, FILL, old=self._old, now=now)
        jobs = self._catalog.inspections.claim(self._owner, BATCH, until=now + CLAIM, now=now)
        self._renewed_at = clock
        self._count(clock)
        if not jobs:
            if self._worker is not None and clock - self._idle_at > IDLE_SECONDS:
                self._worker.close()
                self._worker = None
            return False
        self._idle_at = clock
        self._look(jobs, model)
        return True

    def ready(self) -> Model:
        """The model, read again after a fault: it may have been made meanwhile. Raises WorkerError."""
        if self._model is None or self.warning is not None:
            self._model = model_of(self._settings, self._services.places)
        if self._model.problem is not None:
            raise WorkerError(self._model.problem)
        return self._model

    def _look(self, jobs: Iterable[Uninspected], model: Model) -> None:
        waiting, handed = deque(jobs), deque[Handed]()
        worker = self._running(model)
        while (waiting or handed) and not self.stopped.is_set():
            while waiting and len(handed) < AHEAD:
                self._ask(worker, waiting[0])
                handed.append(Handed(waiting.popleft()))
            task = handed[0]
            try:
                further = self._take(worker, handed, model)
            except WorkerError as reason:  # others have their turn first, whoever is to blame
                if not self.stopped.is_set():
                    self._put_off(task.job, reason)
                raise
            handed.popleft()
            self._idle_at = self._clock.monotonic()
            if further is not None:
                handed.append(further)
            else:
                self._catalog.claims.release(self._owner, [task.job.id])
                self.done += 1
            if self._idle_at - self._renewed_at > RENEWAL_SECONDS:
                self._catalog.claims.renew(self._owner, until=self._clock.now() + CLAIM)
                self._renewed_at = self._idle_at

    def _running(self, model: Model) -> Worker:
        if self._worker is None:
            self._worker = self.worker(self._services, model)
        return self._worker

    @staticmethod
    def worker(services: Services, model: Model) -> Worker:
        """A process that looks at clips with a model."""
        arguments = json.dumps({"model": str(model.path), "names": services.settings.labels.names})
        seconds = services.settings.render.timeout_seconds * SLOWER
        return Worker(timeout_seconds=seconds, command=[*WORKER, arguments])

    def _ask(self, worker: Worker, job: Uninspected) -> None:
        rotation, container = _shape(job)
        worker.ask_inspect(self._footage.reach(job.key), rotation, container=container)

    def _take(self, worker: Worker, handed: Sequence[Handed], model: Model) -> Handed | None:
        """Take the worker's answer about the first clip; what is left to be done of it. Raises WorkerError."""
        task = handed[0]
        if task.verdict is not None:
            try:
                worker.answer()
                self._note_sight(task)
            except StoringError:
                pass  # it keeps the poster that it has
            except ClipError as reason:  # the same, but where nothing is known of the clip: it is looked at again
                if (reason.answer.killed or reason.answer.closed) and task.job.tries < FAULTS:
                    self._failed(task.job, reason.answer)
                    return None
            self._conclude(task.job, task.verdict, model)
            return None
        try:
            result = self._verdict(task.job, worker.answer(), model, handed)
        except ClipError as reason:
            self._failed(task.job, reason.answer)
            return None
        if (further := self._ask_sight(worker, task.job, result)) is None:
            self._conclude(task.job, result, model)
        return further

    def _note_sight(self, task: Handed) -> None:
        for name in self._catalog.renditions.set_sight(task.job.id, task.job.digest, task.poster):
            (self._services.places.renditions / name).unlink(missing_ok=True)

    def _ask_sight(self, worker: Worker, job: Uninspected, result: Verdict) -> Handed | None:
        """Have the best sight made the poster, where there are labels, no picture of the camera's own, and room."""
        floor = self._services.settings.upload.min_free_bytes
        if result.best is None or job.picture is not None or not self._services.root.has_room(floor):
            return None
        name = sight_name(job.id, job.digest, result.best)
        out = self._services.places.renditions / name
        rotation, container = _shape(job)
        path = self._footage.reach(job.key)
        worker.ask_poster(path, out, rotation, container=container, seconds=result.best)
        return Handed(job, result, name)

    def _verdict(self, job: Uninspected, answer: Answer, model: Model, handed: Sequence[Handed]) -> Verdict:
        rules = Rules(self._settings, job.camera)
        length = (job.duration_ms or 0) / 1000
        still = self._catalog.inspections.still_near(job)
        for task in handed:  # whose posters are in the making: what stood there is not noted yet
            if task.verdict is not None and task.job.camera == job.camera:
                near = abs(task.job.started_ms - job.started_ms) < NEAR_MS
                still += task.verdict.still if near else []
        return verdict(answer.pictures, length, rules, model.name, still)

    def _conclude(self, job: Uninspected, result: Verdict, model: Model) -> None:
        self._catalog.inspections.set_done(
            job, model.name, result.labels, result.seen, result.still, now=self._clock.now()
        )

    def _failed(self, job: Uninspected, answer: Answer) -> None:
        """As of posters: what crashes a decoder is tried twice, what cannot be opened or was killed for ever."""
        error, now = answer.error or "", self._clock.now()
        if answer.closed or answer.killed or (answer.fatal and job.tries + 1 < TRIES):
            seconds = min(LONGEST_SECONDS, AGAIN_SECONDS * AGAIN_TIMES ** min(job.tries, 20))
            self._catalog.inspections.retry(job, error, tries=job.tries + 1, due=now + timedelta(seconds=seconds))
            return
        log.warning("%s: no labels by a model: %s", printable(job.key), error)
        self._catalog.inspections.set_error(job, error, now=now)

    def _put_off(self, job: Uninspected, reason: WorkerError) -> None:
        """What the model itself fails at again and again is given up; a worker that does not start says nothing."""
        now, tries = self._clock.now(), job.tries + isinstance(reason, StoringError)
        if tries >= FAULTS:
            log.warning("%s: no labels by a model: %s", printable(job.key), reason)
            self._catalog.inspections.set_error(job, str(reason), now=now)
        else:
            due = now + timedelta(seconds=2 * FAULT_SECONDS)
            self._catalog.inspections.retry(job, str(reason), tries=tries, due=due)

    def _count(self, clock: float) -> None:
        """Count what is left, now and then."""
        since = clock - self._counted_at
        if since < COUNT_SECONDS:
            return
        self._left = self._catalog.inspections.left()
        self._per_minute = round((self.done - self._counted_done) * 60 / since, 1) if self._counted_done else 0.0
        self._counted_at, self._counted_done = clock, self.done


def _shape(job: Uninspected) -> tuple[int, str | None]:
    """By how many degrees a clip's pictures are to be turned, and what kind of file it is."""
    media = None if job.media is None else msgspec.json.decode(job.media, type=MediaInfo)
    return (media.video.rotation if media and media.video else 0), media.container if media else None
