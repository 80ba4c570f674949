"""The renderer: threads that hand clips without a poster to worker processes, newest first."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Iterable

import msgspec

from watcher.catalog.rendition_names import SPRITE, TELLING, poster_name, sprite_name
from watcher.catalog.retries import NO_PICTURE
from watcher.catalog.rows import Rendered, Unrendered
from watcher.model.clip import MediaInfo, Sprite
from watcher.renditions.backlog import Backlog
from watcher.renditions.verdicts import Verdicts
from watcher.services import Services
from watcher.tiering.footage import Footage
from watcher.workers.forkserver import TOGETHER
from watcher.workers.process import Answer, ClipError, Worker, WorkerError
from watcher.workers.sandbox import described

log = logging.getLogger("watcher.ingester")

IDLE_SECONDS = 5.0  # after which a worker gives its memory back
STOP_SECONDS = 2.0  # for all threads together, to end
RETRY_SECONDS, REST_SECONDS = 3.0, 300.0  # after a fault of our own: first, and at most; twice as long each time
TROUBLED = 3  # faults of our own in a row, from which on they are told
# Jobs that a worker is given before the first is answered. So many posters share a decoder's process as take
# AHEAD_SECONDS: making the process costs about 20 ms, and a newer clip's poster waits no longer than that.
LEAST_AHEAD, AHEAD_SECONDS, SPRITES_AHEAD = 4, 0.25, 2
QUICK_SECONDS = 1.0  # a poster that took longer does not wait for its sprite: that takes up to twelve times as long
NOTE_SECONDS = 0.5  # for which finished posters may wait to be noted together, while there is more to do


class Handed(msgspec.Struct, frozen=True):
    """A clip that a worker has in hand."""

    job: Unrendered
    attempt: int
    poster: str | None = None
    from_picture: bool = False  # that the camera left, not from the clip
    at: float = 0.0  # monotonic
    rendered: Rendered | None = None  # the poster is made, and this is about the sprite


class Renderer:
    """Makes what is due, with at most so many workers as the settings say."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._footage = Footage.of(services)
        self._catalog = services.catalog
        self._backlog = Backlog(services)
        self._verdicts = Verdicts(services, self._backlog)
        self._noting = threading.Lock()  # guards the following two
        self._done: list[Rendered] = []  # noted some at a time
        self._noted_at = 0.0
        self._threads = [
            threading.Thread(target=self._run, name=f"render-{number}", daemon=True)
            for number in range(services.settings.render.workers)
        ]
        self._workers: list[Worker] = []
        self._faults: dict[str, tuple[int, str]] = {}  # by thread: our own faults in a row, and the last one
        self._pace = AHEAD_SECONDS  # seconds that a worker has taken for one job of late
        self._wall_logged = False

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def trouble(self) -> str | None:
        """Why no pictures are made at present; None while they are."""
        faults = list(self._faults.values())
        if not faults or min(count for count, _ in faults) < TROUBLED:
            return None
        return faults[0][1]

    def wake(self) -> None:
        """Look again: there may be something to do, perhaps newer than what was taken last."""
        self._backlog.wake()

    def stop(self) -> None:
        """End at once; a picture in the making is made again after the next start."""
        self._backlog.stop()
        until = self._services.clock.monotonic() + STOP_SECONDS
        for thread in self._threads:
            # Again and again: a thread may be about to start a process that was not there to be killed.
            while thread.is_alive() and self._services.clock.monotonic() < until:
                for worker in self._workers:
                    worker.kill()
                thread.join(0.05)
        self._backlog.close()

    def _run(self) -> None:
        worker = Worker(timeout_seconds=self._services.settings.render.timeout_seconds)
        self._workers.append(worker)
        try:
            self._work_with(worker)
        finally:
            worker.close()  # also the process that was started while we were told to stop

    def _work_with(self, worker: Worker) -> None:
        handed: deque[Handed] = deque()  # in the worker's hands, in its order
        while not self._backlog.stopping:
            try:
                while self._has_hands(handed) and (job := self._backlog.take()) is not None:
                    self._hand(worker, job, handed)
                if handed:
                    self._finish(worker, handed)
                    self._faults[threading.current_thread().name] = (0, "")
                self._note(at_once=not handed)
                if not handed and not self._backlog.wait(IDLE_SECONDS if worker.running else None):
                    worker.close()
            except Exception as reason:
                worker.close()
                if self._backlog.stopping:
                    return
                count = self._faults.get(threading.current_thread().name, (0, ""))[0]
                rest = min(REST_SECONDS, RETRY_SECONDS * 2**count)
                if handed:  # whether it is to blame or not: others have their turn first
                    self._backlog.put_off(handed[0].job.id, 2 * rest)
                self._backlog.give_back(task.job.id for task in handed)
                handed.clear()
                self._faults[threading.current_thread().name] = (count + 1, str(reason))
                again = "%s: trying again in %.0f s"
                if isinstance(reason, (WorkerError, OSError)):
                    log.error(again, reason, rest)
                else:
                    log.exception(again, "a poster could not be made or noted", rest)
                self._backlog.pause(rest)

    def _has_hands(self, handed: deque[Handed]) -> bool:
        """Whether a worker may be given one more: sprites take long, and a newer clip's poster comes first."""
        slow = any(task.job.due == SPRITE or task.rendered is not None for task in handed)
        most = max(LEAST_AHEAD, min(TOGETHER, int(AHEAD_SECONDS / max(self._pace, 0.001))))
        return len(handed) < (SPRITES_AHEAD if slow else most)

    def _note(self, *, at_once: bool) -> None:
        """Write what is done into the catalog, some of it together while there is more to do.

        1. the picture is on disk, 2. its row says so, 3. the older one goes. A crash after 1 makes it again.
        """
        with self._noting:
            now = self._services.clock.monotonic()
            if not self._done or not (at_once or now - self._noted_at > NOTE_SECONDS):
                return
            done, self._done = self._done, []
            self._noted_at = now
        try:  # without the lock: the other threads need not wait for the disk
            unneeded = self._catalog.renditions.set_posters(done)
        finally:
            self._backlog.give_back(rendered.clip_id for rendered in done)
        self._remove(unneeded)

    def _hand(
        self, worker: Worker, job: Unrendered, handed: deque[Handed], attempt: int = 1, *, own: bool = False
    ) -> None:
        """Ask the worker for what is due; `own`: from the clip itself, whatever picture its camera left."""
        path, now = self._footage.reach(job.key), self._services.clock.monotonic()
        if job.state == "new":
            handed.append(Handed(job, attempt))
            worker.ask_probe(path)
            return
        if job.due == SPRITE:
            self._hand_sprite(worker, Handed(job, attempt), handed)
            return
        if job.picture is not None and not own and (mark := self._mark(job.picture)):
            name = poster_name(job.id, job.digest, mark)
            handed.append(Handed(job, attempt, name, from_picture=True, at=now))
            worker.ask_poster(self._services.root.path(job.picture), self._services.places.renditions / name, 0)
            return
        media = _media(job)
        if media is not None and media.video is None:
            self._catalog.renditions.set_no_poster(job.id, job.digest, NO_PICTURE)
            self._backlog.give_back([job.id])
            return
        name = poster_name(job.id, job.digest)
        handed.append(Handed(job, attempt, name, at=now))
        out = self._services.places.renditions / name
        worker.ask_poster(path, out, _rotation(job), container=media.container if media else None)

    def _hand_sprite(self, worker: Worker, task: Handed, handed: deque[Handed]) -> None:
        handed.append(task)
        renditions = self._services.places.renditions
        sprite = renditions / sprite_name(task.job.id, task.job.digest)
        # What the camera left as the clip's picture is its own choice.
        poster = renditions / _telling(task.job) if task.job.picture is None else None
        path, media = self._footage.reach(task.job.key), _media(task.job)
        worker.ask_sprite(
            path, sprite, _rotation(task.job), container=media.container if media else None, poster=poster
        )

    def _mark(self, picture: str) -> str:
        """What tells a camera's picture from another one of the same name; empty if it is not there."""
        look = None
        with contextlib.suppress(OSError):
            look = self._services.root.look(picture)
        if look is None:
            return ""
        return hashlib.blake2b(repr(look).encode(), digest_size=4).hexdigest()

    def _finish(self, worker: Worker, handed: deque[Handed]) -> None:
        """Wait for the worker's next answer and note what it says."""
        began = self._services.clock.monotonic()
        try:
            answer = worker.answer()
            self._pace += (self._services.clock.monotonic() - began - self._pace) / 4
        except ClipError as reason:
            if self._backlog.stopping:
                return
            task = handed.popleft()
            if task.job.due == SPRITE or task.rendered is not None:  # it has its poster: it can do without
                self._sprite(task, None)
                return
            if task.from_picture:  # no picture after all: the clip has its own, and is not to blame
                self._hand(worker, task.job, handed, own=True)
                return
            self._verdicts.failed(task.job, reason.answer)
            self._backlog.give_back([task.job.id])
            return
        if worker.wall is not None and not self._wall_logged:
            self._wall_logged = True
            level = logging.WARNING if worker.wall.holes else logging.INFO
            log.log(level, "decoders work %s", described(worker.wall.held, worker.wall.holes))
        task = handed[0]
        if task.job.due == SPRITE or task.rendered is not None:
            handed.popleft()
            self._sprite(task, answer)
            return
        if answer.media is not None:
            self._verdicts.probed(task.job, answer.media, answer.duration_seconds)
            handed.popleft()
            self._backlog.give_back([task.job.id])
            return
        handed.popleft()
        if task.poster is None:
            return
        rendered = Rendered(task.job.id, task.job.digest, task.poster, task.job.picture)
        if self._at_once(task):
            self._hand_sprite(worker, msgspec.structs.replace(task, rendered=rendered), handed)
            return
        with self._noting:
            self._done.append(rendered)

    def _at_once(self, task: Handed) -> bool:
        """Whether a poster may wait for its sprite, so that the clip changes once: no other one waits."""
        took = self._services.clock.monotonic() - task.at
        return self._backlog.empty and self._services.settings.render.sprites and took < QUICK_SECONDS

    def _sprite(self, task: Handed, answer: Answer | None) -> None:
        """Note a sprite, in the order of `_note`; None or less than two frames is none."""
        job, sprite = task.job, None
        if answer is not None and answer.frames > 1:
            tiles = (answer.frames, answer.columns, answer.tile_width, answer.tile_height)
            sprite = Sprite(sprite_name(job.id, job.digest), *tiles, answer.significant_ms, answer.light)
        is_telling = sprite is not None and sprite.significant_ms is not None and job.picture is None
        if task.rendered is not None:
            text = None if sprite is None else msgspec.json.encode(sprite).decode()
            rendered = task.rendered._replace(sprite=text, due=0)
            if is_telling:
                self._remove([rendered.poster])  # nobody was told of it
                rendered = rendered._replace(poster=_telling(job))
            with self._noting:
                self._done.append(rendered)
            return
        try:
            poster = _telling(job) if is_telling else None
            unneeded = self._catalog.renditions.set_sprite(job.id, job.digest, sprite, poster=poster)
        finally:
            self._backlog.give_back([job.id])
        self._remove(unneeded)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                (self._services.places.renditions / name).unlink()


def _telling(job: Unrendered) -> str:
    """What a poster is called that is the most telling frame."""
    return poster_name(job.id, job.digest, TELLING)


def _rotation(job: Unrendered) -> int:
    """By how many degrees the clip's pictures are to be turned."""
    media = _media(job)
    return media.video.rotation if media and media.video else 0


def _media(job: Unrendered) -> MediaInfo | None:
    return None if job.media is None else msgspec.json.decode(job.media, type=MediaInfo)
