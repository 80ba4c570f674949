"""The ingester: hints → queue → one loop that settles, ingests and scans.

Every hint leads to the same examination of the file itself, and scans find whatever events missed. Whatever takes
long (a comparison of folders, a crowd of files, one long index) is advanced in slices between two looks at the
queue, and the last event's file is read first: a collection that is moved in does not keep live clips waiting.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import time
from collections.abc import Callable
from datetime import datetime
from types import FrameType

from watcher.catalog import trouble
from watcher.ingest.bind import bind_root
from watcher.ingest.ingest import UNREADABLE, Found, Ingest, Waiting
from watcher.ingest.pictures import Pictures
from watcher.ingest.progress import Progress
from watcher.ingest.scan import Difference, Finding, newest_first, reconcile
from watcher.ingest.uploads import open_spool
from watcher.ingester.events import LOST, Hint, Watch
from watcher.ingester.intake import BATCH, Intake
from watcher.ingester.missing import Missing
from watcher.ingester.periodic import Periodic
from watcher.ingester.scanner import Comparison, Folders, Reading
from watcher.ingester.tasks import tasks
from watcher.naming.ignore import PICTURE, printable
from watcher.renditions.renderer import Renderer
from watcher.retention.retire import Retention
from watcher.services import Services
from watcher.storage import status
from watcher.storage.lock import INGESTER, only_one
from watcher.storage.mounts import on_network

log = logging.getLogger("watcher.ingester")

HINTS = 500  # that are taken at once
TURN_SECONDS = 1.0  # at most, between two looks at the world
PROBLEM_RESCAN_SECONDS = 10.0  # at least, while something waits for a person …
PROBLEM_RESCAN_SHARE = 10  # … and so many times what a scan takes
FAILED_RESCAN_SECONDS = 5.0  # after something failed
FAILED_SECONDS = 0.2  # in which nothing is done then
PICTURELESS = {"pictures": "no posters and sprites can be made at present; the ingester's log says why"}
CROWD = 1000  # files waiting to be read, from which on a folder's files are left to its comparison


class Ingester:
    """The process that adopts clips."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._ingest = Ingest.of(services)
        self._root = services.root
        self._hints: queue.SimpleQueue[Hint] = queue.SimpleQueue()
        self._renderer = Renderer(services)
        self._tasks = [Periodic(task) for task in tasks(services)]
        self._pictures = Pictures.of(services)
        self._intake = Intake(services, self._ingest, self._pictures, self._renderer.wake)
        self._missing = Missing(services, self._problem)
        self._folders = Folders()
        self._scan: Comparison | None = None
        self._scan_seconds: float | None = None  # of the last one
        self._folder_scan: Comparison | None = None
        self._next_scan = 0.0
        self._last_scan_at: datetime | None = None
        self._next_health = 0.0
        self._next_poll = 0.0
        self._problems: dict[str, str] = {}
        self._warnings: dict[str, str] = {}
        self._teller = status.Teller(services.places.status)
        self._lost_events = 0
        self._watch = Watch(self._root, self._hints)
        self._native = False
        self._catalog_id = ""
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
            log.info("watching %s (%s)", self._root.folder, "native" if self._native else "by polling")
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
        self._begin_watching()

    # — the loop —

    def turn(self) -> None:
        """Do some of everything. Nothing that fails ends the service, and no step's failure ends the others'."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("reading events", self._read_hints),
            ("reading files", self._intake.read_due),
            ("cataloguing files", self._intake.flush),
            ("marking files that are gone", self._mark_gone),
            ("comparing disk and catalog", self._advance_scans),
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
        told = trouble(reason)
        if told is not None:  # a full disk, a locked or vanished database: nothing else can be done meanwhile
            self._intake.clear()
            self._missing.clear()
            self._scan = self._folder_scan = None
            self._problem("ingest", f"{told} ({what}); trying again")
        else:
            log.exception("%s failed", what)
            if step == self._advance_scans:  # it cannot go on from there
                self._scan = self._folder_scan = None
            self._problem("turn", f"{what} failed ({type(reason).__name__}: {reason}); scanning again in a while")
        now = self._clock.monotonic()
        self._tell(now)
        self._next_scan = now + FAILED_RESCAN_SECONDS
        time.sleep(TURN_SECONDS if told is not None else FAILED_SECONDS)

    def _read_hints(self) -> None:
        """Take what is queued; wait for the next hint only when there is nothing else to do."""
        wait = 0.0
        if not (self._scan or self._folder_scan or self._intake or self._missing):
            now = self._clock.monotonic()
            nexts = (self._folders.next_at(), self._intake.pending.next_at(), self._pictures.next_at())
            events = [now + TURN_SECONDS, self._next_scan, *(at for at in nexts if at is not None)]
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
                self._folders.crowded(folder + slash, now)
            else:
                self._intake.pending.add(hint.key, now, closed=hint.kind == "closed")
        elif hint.kind == "gone":
            if self._root.ignoring.key(hint.key) is None:
                self._intake.pending.remove(hint.key)
                self._intake.gone[hint.key] = None
        elif hint.kind == "folder" and self._root.ignoring.prefix(hint.key.rstrip("/")) is None:
            self._folders.appeared(hint.key, now)
        elif hint.kind == "scan":
            self._lost_events += hint.key == LOST
            if hint.key:
                log.warning("%s; scanning", hint.key)
            self._next_scan = now

    def _mark_gone(self) -> None:
        """Decide about what events told of, and mark some of what was decided."""
        told, self._intake.gone = list(self._intake.gone), {}
        if told:
            self._decide_gone(told)
        if self._missing:
            self._read_again(self._missing.mark_some())

    def _decide_gone(self, told: list[str]) -> None:
        self._intake.recent.forget(told)
        back, too_many = self._missing.decide(told, self._catalog_id)
        self._read_again(back)
        if too_many:
            self._next_scan = min(self._next_scan, self._clock.monotonic() + PROBLEM_RESCAN_SECONDS)

    def _read_again(self, keys: list[str]) -> None:
        """Files that are back, and whose rows may be others meanwhile."""
        for key in keys:
            self._intake.pending.add(key, self._clock.monotonic())

    def _match_pictures(self) -> None:
        if self._pictures.turn():
            self._renderer.wake()

    # — scans —

    def _advance_scans(self) -> None:
        """Give a folder's comparison, else the whole scan, a slice of time; begin what is due."""
        now = self._clock.monotonic()
        if self._folder_scan is None and (prefix := self._folders.take(now)) is not None:
            self._folder_scan = self._compare(now, prefix)
        if self._folder_scan is not None:
            if self._advance(self._folder_scan):
                scan, self._folder_scan = self._folder_scan, None
                self._decide_gone(scan.gone)
            return
        if self._scan is None:
            if now < self._next_scan:
                return
            self._scan = self._compare(now)
            self._intake.quiet = True
        if self._advance(self._scan):
            scan, self._scan = self._scan, None
            self._intake.quiet = False
            self._end_scan(scan)

    def _compare(self, now: float, prefix: str = "") -> Comparison:
        """Begin to compare a folder, or everything, with the catalog."""
        findings = reconcile(self._root, self._services.catalog, self._passed_over, prefix)
        ordered = newest_first(findings, self._ingest.moment, self._services.places.run)
        return Comparison(ordered, Progress(now))

    def _passed_over(self, key: str, why: str) -> None:
        """What a comparison tells of files that are no clips, and of folders that cannot be read."""
        if why == PICTURE:
            self._pictures.add(key)
        elif why.startswith(UNREADABLE) and key.endswith("/"):
            self._intake.unreadable.add(key)
        log.debug("ignoring %s: %s", printable(key), why)

    def _advance(self, scan: Comparison) -> bool:
        """Go on with a comparison for a slice of time; whether it is done."""
        done = scan.go_on(self._clock, self._begin_found, self._take_found)
        self._intake.flush()
        if not done and (line := scan.progress.line(self._clock.monotonic())):
            log.info("%s", line)
        return done

    def _begin_found(self, finding: Finding) -> Reading | None:
        """Begin to read a file that a comparison found, unless an event led to it meanwhile."""
        new = finding.difference is Difference.NEW
        if finding.key in self._intake.pending or (new and self._intake.was_read(finding.key)):
            return None
        return Reading(finding.key, self._ingest.examining(finding.key))

    def _take_found(self, key: str, found: Found) -> bool:
        if isinstance(found, Waiting):
            self._intake.pending.add(key, self._clock.monotonic())
        elif key not in self._intake.pending:  # an event came meanwhile: it is read again, and later
            self._intake.took(key, found, self._clock.monotonic())
        return len(self._intake.batch) >= BATCH

    def _end_scan(self, scan: Comparison) -> None:
        for code in ("missing", "turn"):
            self._problems.pop(code, None)
        self._problem("ingest", None)  # what had to be written was written, or this scan would not have ended
        self._decide_gone(scan.gone)
        now = self._clock.monotonic()
        progress, seconds = scan.progress, scan.progress.seconds(now)
        self._scan_seconds = round(seconds, 3)
        if progress.done or scan.gone or self._last_scan_at is None:
            told = "scanned %d files in %.1f s: %d to catalog, %d gone"
            log.info(told, progress.files, seconds, progress.done, len(scan.gone))
        self._last_scan_at = self._clock.now()
        pause = self._settings.scan.interval_seconds if self._native else self._settings.video.poll_seconds
        if self._problems:
            pause = min(pause, max(PROBLEM_RESCAN_SECONDS, PROBLEM_RESCAN_SHARE * seconds))
        if self._pictures.scanned(changed=progress.done > 0):
            pause = 1.0
        self._next_scan = now + max(pause, seconds)  # never more than half the time
        Retention.of(self._services).sweep()
        open_spool(self._services).sweep()

    # — the world —

    def _begin_watching(self) -> None:
        """Choose native events or polling, and say why."""
        self._native = False
        mode = self._settings.video.watch
        if mode == "auto" and on_network(self._root.folder):
            log.warning("the video root is on a network file system, which tells of no changes: polling")
            return
        if mode == "poll":
            return
        why = self._watch.start()
        if why is None:
            self._native = True
            self._problems.pop("events", None)
        elif mode == "native":
            self._problem("events", f"native watching was asked for, but {why}; polling instead")
        else:
            log.warning("%s: polling every %g s instead", why, self._settings.video.poll_seconds)

    def _look_around(self) -> None:
        """Once a second: is the watch alive, the marker back, the status file fresh, a closed file open again."""
        now = self._clock.monotonic()
        if now >= self._next_health:
            self._next_health = now + TURN_SECONDS
            if self._native and not self._watch.healthy():
                self._watch.stop()
                if self._root.folder.is_dir():
                    log.warning("events stopped (the folder was removed, or the watch died): beginning anew")
                    self._begin_watching()
                    self._next_scan = now
                else:
                    self._problem("marker", f"the video root {self._root.folder} is gone")
            if ("marker" in self._problems) != (self._root.marker_problem(self._catalog_id) is not None):
                self._problem("marker", self._root.marker_problem(self._catalog_id))
                self._next_scan = now
            self._poll_unwatched(now)
            for name in self._intake.unreadable.readable(now):
                if name.endswith("/"):
                    self._folders.appeared(name, now)
                else:
                    self._intake.pending.add(name, now)
        self._tell(now)

    def _poll_unwatched(self, now: float) -> None:
        """Compare folders that the kernel does not watch for us with the catalog, as often as polling would."""
        if not self._native or now < self._next_poll:
            return
        self._next_poll = now + self._settings.video.poll_seconds
        folders, told = self._watch.unwatched()
        for prefix in folders:
            self._folders.soon(prefix, now)
        if told is None:
            self._warnings.pop("watches", None)
        elif self._warnings.get("watches") != told:
            log.warning("%s", told)
            self._warnings["watches"] = told

    def _problem(self, code: str, problem: str | None) -> None:
        if problem is None:
            if self._problems.pop(code, None):
                log.info("%s: well again", code)
        elif self._problems.get(code) != problem:
            log.error("%s", problem)
            self._problems[code] = problem

    def _tell(self, now: float) -> None:
        current = status.Status(
            pid=os.getpid(),
            watching="native" if self._native else "poll",
            settling=len(self._intake.pending),
            scanning=self._scan is not None,
            last_scan_at=self._last_scan_at,
            scan_seconds=self._scan_seconds,
            ingested=self._intake.ingested,
            ingest_seconds=round(self._intake.ingest_seconds, 3),
            lost_events=self._lost_events,
            problems=dict(self._problems),
            warnings=self._warnings | (PICTURELESS if self._renderer.trouble() else {}),
            aside=self._intake.aside.names(),
        )
        self._teller.tell(current, now)
