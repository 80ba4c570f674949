"""The ingester: hints → queue → one loop that settles, ingests and scans.

Every hint leads to the same examination of the file itself, and scans find whatever events missed. Whatever takes
long (a comparison of folders, a crowd of files, one long index) is advanced in slices between two looks at the
queue, and the last event's file is read first: a collection that is moved in does not keep live clips waiting.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, cast

from watcher.catalog import trouble
from watcher.ingest.bind import bind_root
from watcher.ingest.ingest import Ingest
from watcher.ingest.pictures import Pictures
from watcher.ingester.events import LOST, Hint, Watch
from watcher.ingester.health import NOT_MOVING, Health, MoverState, Problems
from watcher.ingester.intake import Intake
from watcher.ingester.missing import Missing
from watcher.ingester.periodic import Periodic
from watcher.ingester.scanner import PROBLEM_RESCAN_SECONDS, Scanner
from watcher.ingester.tasks import labeller, tasks
from watcher.naming.ignore import PICTURE
from watcher.renditions.renderer import Renderer
from watcher.services import Services
from watcher.storage.lock import INGESTER, only_one

if TYPE_CHECKING:
    from watcher.tiering.mover import Mover

log = logging.getLogger("watcher.ingester")

HINTS = 500  # that are taken at once
TURN_SECONDS = 1.0  # at most, between two looks at the world
FAILED_RESCAN_SECONDS = 5.0  # after something failed
FAILED_SECONDS = 0.2  # in which nothing is done then
CROWD = 1000  # files waiting to be read, from which on a folder's files are left to its comparison


class Ingester:
    """The process that adopts clips."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clock = services.clock
        self._root = services.root
        self._hints: queue.SimpleQueue[Hint] = queue.SimpleQueue()
        self._renderer = Renderer(services)
        # The only one of this process: whatever reads a file here notes what it has in hand, and passes over what
        # is set aside.
        self._ingest = Ingest.of(services)
        self._labeller = labeller(services)
        looked_after = [*tasks(services, self._ingest), *([self._labeller] if self._labeller else [])]
        # By its name: its module is imported only where there is a store.
        self._mover = cast("Mover | None", next((task for task in looked_after if task.name == "tiering"), None))
        self._tasks = [Periodic(task) for task in looked_after]
        self._pictures = Pictures.of(services, self._ingest)
        self._problems = Problems()
        self._intake = Intake(services, self._ingest, self._pictures, self._renderer.wake)
        self._missing = Missing(services, self._problems.set)
        self._scanner = Scanner(
            services, self._ingest, self._intake, self._pictures, self._problems, self._decide_gone
        )
        self._watch = Watch(self._root, self._hints)
        self._health = Health(services, self._watch, self._intake, self._scanner, self._problems)
        self._catalog_id = ""
        self._adopted_at = 0.0
        self._stopping = False

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End the loop soon; safe in a signal handler, since neither line takes a lock."""
        self._stopping = True
        self._hints.put(Hint("stop"))

    def run(self) -> None:
        """Adopt clips until `stop`. Raises StartError if another ingester has this folder."""
        places = self._services.places
        with only_one(places.run / INGESTER, "another ingester is at work on this data folder"):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self.stop)
            self.begin()
            self._renderer.start()
            for task in self._tasks:
                task.start()
            log.info("watching %s (%s)", self._root.folder, "native" if self._health.native else "by polling")
            try:
                while not self._stopping:
                    self.turn()
            finally:
                self._intake.flush()
                self._watch.stop()
                self._renderer.stop()
                for task in self._tasks:
                    task.stop()
                self._intake.aside.close()
                places.status.unlink(missing_ok=True)

    def begin(self) -> None:
        """Learn how the last ingester ended, bind the root, and begin to watch it."""
        self._intake.begin()
        self._catalog_id = bind_root(self._services)
        self._health.begin_watching()

    # — the loop —

    def turn(self) -> None:
        """Take each step of the loop once. A step that fails ends neither the service nor the other steps."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("reading events", self._read_hints),
            ("reading files", self._intake.read_due),
            ("cataloguing files", self._intake.flush),
            ("marking files that are gone", self._mark_gone),
            ("comparing disk and catalog", self._scanner.advance),
            ("matching pictures", self._match_pictures),
            ("looking around", self._look_around),
        )
        for what, step in steps:
            try:
                step()
            except Exception as reason:
                self._failed(what, step, reason)
                return

    def _failed(self, what: str, step: Callable[[], None], reason: Exception) -> None:
        """What was in hand is on disk, so the scan that follows finds it again."""
        problem = trouble(reason)
        if problem is not None:  # a full disk, a locked or vanished database: nothing else can be done meanwhile
            self._intake.clear()
            self._missing.clear()
            self._scanner.clear()
            self._problems.set("ingest", f"{problem} ({what}); trying again")
        else:
            log.exception("%s failed", what)
            if step == self._scanner.advance:
                self._scanner.clear()
            self._problems.set(
                "turn", f"{what} failed ({type(reason).__name__}: {reason}); scanning again in a while"
            )
        self._tell()
        self._scanner.next_at = self._clock.monotonic() + FAILED_RESCAN_SECONDS
        time.sleep(TURN_SECONDS if problem is not None else FAILED_SECONDS)

    def _read_hints(self) -> None:
        """Take what is queued; wait for the next hint only when there is nothing else to do."""
        wait = 0.0
        if not (self._scanner.busy or self._intake or self._missing):
            now = self._clock.monotonic()
            nexts = (self._scanner.folders.next_at(), self._intake.pending.next_at(), self._pictures.next_at())
            events = [now + TURN_SECONDS, self._scanner.next_at, *(at for at in nexts if at is not None)]
            wait = max(0.0, min(events) - now)
        try:
            hint = self._hints.get(timeout=wait) if wait else self._hints.get_nowait()
            for _ in range(HINTS):
                self._take(hint)
                hint = self._hints.get_nowait()
            self._take(hint)
        except queue.Empty:
            pass

    def _take(self, hint: Hint) -> None:
        now = self._clock.monotonic()
        if hint.kind in {"file", "closed"}:
            if (why := self._root.ignoring.key(hint.key)) is not None:
                if why == PICTURE:
                    self._pictures.add(hint.key)
                return
            folder, slash, _ = hint.key.rpartition("/")
            if hint.kind == "file" and slash and len(self._intake.pending) > CROWD:
                # A collection is moved in: its folder's comparison reads the newest first and lets live clips pass.
                self._scanner.folders.crowded(folder + slash, now)
            else:
                self._intake.pending.add(hint.key, now, closed=hint.kind == "closed")
        elif hint.kind == "gone":
            if self._root.ignoring.key(hint.key) is None:
                self._intake.pending.remove(hint.key)
                self._intake.gone[hint.key] = None
        elif hint.kind == "folder" and self._root.ignoring.prefix(hint.key.rstrip("/")) is None:
            self._scanner.folders.appeared(hint.key, now)
        elif hint.kind == "scan":
            self._health.lost_events += hint.key == LOST
            if hint.key:
                log.warning("%s; scanning", hint.key)
            self._scanner.soon(0)

    def _mark_gone(self) -> None:
        """Decide about what events told of, and mark some of what was decided."""
        keys, self._intake.gone = list(self._intake.gone), {}
        if keys:
            self._decide_gone(keys)
        if self._missing:
            self._read_again(self._missing.mark_some())

    def _decide_gone(self, keys: list[str]) -> None:
        self._intake.recent.forget(keys)
        back, too_many = self._missing.decide(keys, self._catalog_id)
        self._read_again(back)
        if too_many:
            self._scanner.soon(PROBLEM_RESCAN_SECONDS)

    def _read_again(self, keys: list[str]) -> None:
        """Files that are back, and whose rows may be others meanwhile."""
        for key in keys:
            self._intake.pending.add(key, self._clock.monotonic())

    def _match_pictures(self) -> None:
        if self._pictures.turn() or self._has_adopted():
            self._renderer.wake()

    def _has_adopted(self) -> bool:
        """Whether `watcher scan --store` has made clips since this was asked last."""
        before = self._adopted_at
        if self._mover is not None:
            with contextlib.suppress(FileNotFoundError):
                self._adopted_at = self._services.places.adopted.stat().st_mtime
        return self._adopted_at != before

    def _look_around(self) -> None:
        self._health.look(self._catalog_id)
        self._tell()

    def _tell(self) -> None:
        labels = None if self._labeller is None else self._labeller.state()
        mover = self._mover
        moving = NOT_MOVING
        if mover is not None:
            moving = MoverState(mover.problem, mover.away, mover.costs(), mover.copies_bytes)
        self._health.tell(pictures=self._renderer.trouble() is None, labels=labels, moving=moving)
