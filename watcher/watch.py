"""The ingester: hints → queue → one loop that settles, ingests and scans.

Every hint leads to the same examination of the file itself, and scans find whatever events missed. A scan is
advanced in slices between two looks at the queue, so that a collection that is moved in does not keep live clips
waiting.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType

from watcher import status
from watcher.catalog import Probed
from watcher.clip import Fingerprint
from watcher.crew import Crew
from watcher.helpers import helpers
from watcher.ignoring import PICTURE, printable
from watcher.ingest import NotClip, Waiting
from watcher.lock import INGESTER, only_one
from watcher.mounts import on_network
from watcher.observe import LOST, Hint, Watch
from watcher.pending import PendingFiles
from watcher.progress import Progress
from watcher.recent import Recent
from watcher.scan import Difference, Finding, marker_problem, newest_first, reconcile, too_many_missing
from watcher.wiring import Services, bind_root

log = logging.getLogger("watcher.ingester")

BATCH = 100  # clips a transaction
TOGETHER_SECONDS = 0.05  # for which a folder that appeared waits for those below it, to be compared in one
AGAIN_SECONDS = 1.0  # before it is compared a second time
SLICE_SECONDS = 0.03  # for which a scan may keep live clips waiting
TURN_SECONDS = 1.0  # at most, between two looks at the world
PROBLEM_RESCAN_SECONDS = 10.0  # at least, while something waits for a person …
PROBLEM_RESCAN_SHARE = 10  # … and so many times what a scan takes
CROWD = 1000  # files waiting to be read, from which on a folder's files are left to its comparison


@dataclass(slots=True)
class Scanning:
    """A comparison under way; advanced slice by slice."""

    findings: Iterator[Finding]
    progress: Progress
    gone: list[str] = field(default_factory=list)


class Ingester:
    """The process that adopts clips."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._ingest = services.ingest
        self._catalog = services.catalog
        self._root = services.root
        self._hints: queue.SimpleQueue[Hint] = queue.SimpleQueue()
        self._pending = PendingFiles()
        self._pictures = services.pictures()
        self._gone: dict[str, None] = {}
        self._folders: dict[tuple[str, int], float] = {}  # prefix, how often → when to compare it with the catalog
        self._batch: list[Probed] = []
        self._recent = Recent()
        self._scan: Scanning | None = None
        self._scan_seconds: float | None = None  # of the last one
        self._folder_scan: Scanning | None = None
        self._next_scan = 0.0
        self._last_scan_at: datetime | None = None
        self._next_health = 0.0
        self._problems: dict[str, str] = {}
        self._teller = status.Teller(services.places.status)
        self._finished: list[float] = []  # since when those in the batch lie finished that events led to, monotonic
        self._ingested, self._ingest_seconds, self._lost_events = 0, 0.0, 0
        self._watch = Watch(self._root, self._hints)
        self._native = False
        self._catalog_id = ""
        self._stopping = False
        self._crew = Crew(services, helpers(services))

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
            self._catalog_id = bind_root(self._services)
            self._begin_watching()
            self._crew.start()
            log.info("watching %s (%s)", self._root.folder, "native" if self._native else "by polling")
            try:
                while not self._stopping:
                    self._turn()
            finally:
                self._flush()
                self._watch.stop()
                self._crew.stop()
                places.status.unlink(missing_ok=True)

    # — the loop —

    def _turn(self) -> None:
        try:
            self._read_hints()
            self._look_at_due()
            self._flush()
            self._mark_gone(list(self._gone))
            self._gone.clear()
            self._advance_scans()
            if self._pictures.turn():
                self._crew.wake()
            self._look_around()
        except Exception:
            # A fault in one turn (a full disk, a locked or vanished database) must not end the service. What was
            # in hand is on disk, so the scan that follows finds it again.
            log.exception("a turn failed; scanning again in a while")
            self._batch.clear()
            self._finished.clear()
            self._recent.clear()
            self._gone.clear()
            self._scan = self._folder_scan = None
            self._problems["ingest"] = "the catalog could not be written; trying again"
            self._next_scan = self._clock.monotonic() + 5
            time.sleep(TURN_SECONDS)

    def _read_hints(self) -> None:
        """Take what is queued; wait for the next hint only when there is nothing else to do."""
        wait = 0.0
        if self._scan is None and self._folder_scan is None:
            now = self._clock.monotonic()
            events = [now + TURN_SECONDS, self._next_scan, *self._folders.values()]
            if (next_at := self._pending.next_at()) is not None:
                events.append(next_at)
            if (next_at := self._pictures.next_at()) is not None:
                events.append(next_at)
            wait = max(0.0, min(events) - now)
        try:
            hint = self._hints.get(timeout=wait) if wait else self._hints.get_nowait()
            for _ in range(5 * BATCH):
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
            if hint.kind == "file" and slash and len(self._pending) > CROWD:
                # A collection is moved in: its folder's comparison reads the newest first and lets live clips pass.
                self._folders[folder + slash, 2] = now + AGAIN_SECONDS
            else:
                self._pending.add(hint.key, now, closed=hint.kind == "closed")
        elif hint.kind == "gone":
            if self._root.ignoring.key(hint.key) is None:
                self._pending.remove(hint.key)
                self._gone[hint.key] = None
        elif hint.kind == "folder" and self._root.ignoring.prefix(hint.key.rstrip("/")) is None:
            # Twice: a file may be written into a fresh folder after the first look and before it is watched.
            self._folders.setdefault((hint.key, 1), now + TOGETHER_SECONDS)
            self._folders[hint.key, 2] = now + AGAIN_SECONDS
        elif hint.kind == "scan":
            self._lost_events += hint.key == LOST
            if hint.key:
                log.warning("%s; scanning", hint.key)
            self._next_scan = now

    def _look_at_due(self) -> None:
        """Examine the files whose time has come, a batch at most, so that each is listed without delay."""
        now = self._clock.monotonic()
        while len(self._batch) < BATCH and (entry := self._pending.take(now)) is not None:
            key, pending = entry
            if self._was_read(key):
                self._pending.remove(key)
                continue
            found = self._ingest.examine(key, seen=pending.seen, closed=pending.closed)
            if isinstance(found, Waiting):
                self._pending.wait(key, found, now)
                continue
            self._pending.remove(key)
            if isinstance(found, NotClip):
                self._recent.note(key, found.look.fingerprint, found.look.inode, now=now)
            elif found is None:
                self._gone[key] = None  # it may have been known, and may be back already: looked at again there
            else:
                self._batch.append(found)
                self._finished.append(pending.quiet_since)

    def _was_read(self, key: str) -> bool:
        """Whether a file is as it was when we last read it, a moment ago, so that this event tells nothing new."""

        def look() -> tuple[Fingerprint, int] | None:
            try:
                found = self._root.look(key)
            except OSError:
                return None
            return None if found is None else (found.fingerprint, found.inode)

        return self._recent.has(key, look, now=self._clock.monotonic())

    def _flush(self) -> None:
        """Commit the batch."""
        if not self._batch:
            return
        batch, self._batch = self._batch, []
        changed, left = self._ingest.put(batch)
        now = self._clock.monotonic()
        for probed in batch:
            self._recent.note(probed.key, probed.fingerprint, probed.inode, now=now)
        self._recent.forget(left)
        self._ingested += len(self._finished)
        self._ingest_seconds += sum(now - since for since in self._finished)
        self._finished.clear()
        self._pictures.match(batch)
        self._crew.wake()  # also for what was known: an upload is catalogued by the process that took it
        if self._scan is None:
            for probed in batch:
                log.info(
                    "%s is %s%s", printable(probed.key), probed.state, f": {probed.error}" if probed.error else ""
                )
        else:
            log.debug("%d clips catalogued", changed)

    def _mark_gone(self, told: list[str]) -> None:
        """Mark clips missing whose files are gone, unless that would be too many, or the root is not ours."""
        self._recent.forget(told)
        keys = [key for key in told if self._is_gone(key)]
        for key in set(told).difference(keys):  # back, and its row may be another one meanwhile: read again
            self._pending.add(key, self._clock.monotonic(), closed=False)
        if not (keys := [row.key for row in self._catalog.known_keys(keys).values() if row.state != "missing"]):
            return
        problem = marker_problem(self._root, self._catalog_id)
        self._problem("marker", problem)
        if problem:
            return
        share = self._settings.scan.max_missing_share
        problem = too_many_missing(self._catalog, len(keys), share=share, now=self._clock.now())
        if problem:
            self._problem("missing", problem)
            self._next_scan = min(self._next_scan, self._clock.monotonic() + PROBLEM_RESCAN_SECONDS)
            return
        for start in range(0, len(keys), BATCH):
            self._catalog.mark_missing(keys[start : start + BATCH], now=self._clock.now())
        for key in keys[:20]:
            log.info("%s is missing", printable(key))
        if len(keys) > 20:
            log.info("… and %d more are missing", len(keys) - 20)

    def _is_gone(self, key: str) -> bool:
        """Whether a file is surely not there: it may have come back since the event, or be unreadable."""
        try:
            return self._root.look(key) is None
        except OSError:
            return False

    # — scans —

    def _advance_scans(self) -> None:
        """Give a folder's comparison, else the whole scan, a slice of time; begin what is due."""
        now = self._clock.monotonic()
        if self._folder_scan is None:
            prefix = min(
                (prefix for (prefix, _), due in self._folders.items() if due <= now), key=len, default=None
            )
            if prefix is not None:
                self._forget_folders(prefix, now + TOGETHER_SECONDS)
                self._folder_scan = self._compare(now, prefix)
        if self._folder_scan is not None:
            if self._advance(self._folder_scan, now):
                scan, self._folder_scan = self._folder_scan, None
                self._mark_gone(scan.gone)
            return
        if self._scan is None:
            if now < self._next_scan:
                return
            self._scan = self._compare(now)
        if self._advance(self._scan, now):
            scan, self._scan = self._scan, None
            self._end_scan(scan)

    def _compare(self, now: float, prefix: str = "") -> Scanning:
        """Begin to compare a folder, or everything, with the catalog."""
        findings = reconcile(self._root, self._catalog, self._passed_over, prefix)
        ordered = newest_first(findings, self._ingest.moment, self._services.places.run)
        return Scanning(ordered, Progress(now))

    def _passed_over(self, key: str, why: str) -> None:
        """What a comparison tells of files that are no clips."""
        if why == PICTURE:
            self._pictures.add(key)
        log.debug("ignoring %s: %s", printable(key), why)

    def _forget_folders(self, prefix: str, until: float) -> None:
        """A folder's comparison stands for those of all folders below it that are due then."""
        due = [entry for entry, at in self._folders.items() if at <= until and entry[0].startswith(prefix)]
        for entry in due:
            del self._folders[entry]

    def _advance(self, scan: Scanning, now: float) -> bool:
        """Go on with a comparison for a slice of time; whether it is done."""
        until = now + SLICE_SECONDS
        progress = scan.progress
        for finding in scan.findings:
            if finding.difference is Difference.GONE:
                scan.gone.append(finding.key)
            elif finding.deferred or finding.difference is None:
                progress.files += 1
                progress.todo += finding.deferred
            else:
                progress.read_one(now)
                self._read_found(finding, now)
            reading = progress.done or finding.difference is Difference.GONE
            if (reading or progress.files % 256 == 0) and self._clock.monotonic() > until:
                self._flush()
                if line := progress.line(now):
                    log.info("%s", line)
                return False
        self._flush()
        return True

    def _read_found(self, finding: Finding, now: float) -> None:
        """Read a file that a comparison found, unless an event led to it meanwhile."""
        new = finding.difference is Difference.NEW
        if finding.key in self._pending or (new and self._was_read(finding.key)):
            return
        found = self._ingest.examine(finding.key)
        if isinstance(found, Waiting):
            self._pending.add(finding.key, now)
        elif isinstance(found, NotClip):
            self._recent.note(finding.key, found.look.fingerprint, found.look.inode, now=now)
        elif found is not None:
            self._batch.append(found)
        if len(self._batch) >= BATCH:
            self._flush()

    def _end_scan(self, scan: Scanning) -> None:
        self._problems.pop("missing", None)
        self._problem("ingest", None)  # what had to be written was written, or this scan would not have ended
        self._mark_gone(scan.gone)
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
        self._services.retention().sweep()
        self._services.spool().sweep()

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
        """Once a second: is the watch alive, the marker back, the status file fresh."""
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
            if ("marker" in self._problems) != (marker_problem(self._root, self._catalog_id) is not None):
                self._problem("marker", marker_problem(self._root, self._catalog_id))
                self._next_scan = now
        self._tell(now)

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
            settling=len(self._pending),
            scanning=self._scan is not None,
            last_scan_at=self._last_scan_at,
            scan_seconds=self._scan_seconds,
            ingested=self._ingested,
            ingest_seconds=round(self._ingest_seconds, 3),
            lost_events=self._lost_events,
            problems=dict(self._problems),
        )
        self._teller.tell(current, now)
