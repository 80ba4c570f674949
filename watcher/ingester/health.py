"""How the ingester is: whether it still hears of changes, whether the root is its own, what waits for a person."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from watcher.ingester.events import Watch
from watcher.ingester.intake import Intake
from watcher.services import Services
from watcher.storage import status
from watcher.storage.mounts import on_network

if TYPE_CHECKING:
    from watcher.ingester.scanner import Scanner


class MoverState(NamedTuple):
    """How the mover of clips is."""

    problem: str | None  # why clips wait to be moved
    away: dict[str, str]  # stores that cannot be asked, and why
    costs: dict[str, status.StoreCost]  # what each has cost
    copies_bytes: int  # of clips in buckets, that lie on the local disk


log = logging.getLogger("watcher.ingester")

NOT_MOVING = MoverState(None, {}, {}, 0)
LOOK_SECONDS = 1.0  # between two looks
PICTURELESS = {"pictures": "no posters and sprites can be made at present; the ingester's log says why"}


class Problems:
    """What waits for a person, by its code; said when it comes, when it changes, and when it is over."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._sentences)

    def __contains__(self, code: str) -> bool:
        return code in self._sentences

    def __getitem__(self, code: str) -> str:
        return self._sentences[code]

    def set(self, code: str, sentence: str | None) -> None:
        """Note what is wrong under a code; None where nothing is wrong any more."""
        if sentence is None:
            if self._sentences.pop(code, None):
                log.info("%s: well again", code)
        elif self._sentences.get(code) != sentence:
            log.error("%s", sentence)
            self._sentences[code] = sentence

    def forget(self, code: str) -> None:
        """Forget a problem without logging that it is over."""
        self._sentences.pop(code, None)

    def copy(self) -> dict[str, str]:
        """All problems, by code."""
        return dict(self._sentences)


class Health:
    """Looks once a second, mends what it can, and tells in the status file."""

    def __init__(
        self, services: Services, watch: Watch, intake: Intake, scanner: Scanner, problems: Problems
    ) -> None:
        self._settings = services.settings
        self._clock = services.clock
        self._root = services.root
        self._watch = watch
        self._intake = intake
        self._scanner = scanner
        self._problems = problems
        self._warnings: dict[str, str] = {}
        self._teller = status.Teller(services.places.status)
        self._next_look = 0.0
        self._next_poll = 0.0
        self.native = False  # the kernel tells of changes
        self.lost_events = 0

    def begin_watching(self) -> None:
        """Choose native events or polling, and say why."""
        self.native = False
        self._scanner.interval_seconds = self._settings.video.poll_seconds
        mode = self._settings.video.watch
        if mode == "auto" and on_network(self._root.folder):
            log.warning("the video root is on a network file system, which tells of no changes: polling")
            return
        if mode == "poll":
            return
        why = self._watch.start()
        if why is None:
            self.native = True
            self._scanner.interval_seconds = self._settings.scan.interval_seconds
            self._problems.forget("events")
        elif mode == "native":
            self._problems.set("events", f"native watching was asked for, but {why}; polling instead")
        else:
            log.warning("%s: polling every %g s instead", why, self._settings.video.poll_seconds)

    def look(self, catalog_id: str) -> None:
        """Look, once a second, whether the watch lives, the marker is there, and a closed file is open again."""
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        if self.native and not self._watch.healthy():
            self._watch.stop()
            if self._root.folder.is_dir():
                log.warning("events stopped (the folder was removed, or the watch died): beginning anew")
                self.begin_watching()
                self._scanner.soon(0)
            else:
                self._problems.set("marker", f"the video root {self._root.folder} is gone")
        problem = self._root.marker_problem(catalog_id)
        if ("marker" in self._problems) != (problem is not None):
            self._problems.set("marker", problem)
            self._scanner.soon(0)
        self._poll_unwatched(now)
        for name in self._intake.unreadable.readable(now):
            if name.endswith("/"):
                self._scanner.folders.appeared(name, now)
            else:
                self._intake.pending.add(name, now)

    def _poll_unwatched(self, now: float) -> None:
        """Compare folders that the kernel does not watch for us with the catalog, as often as polling would."""
        if not self.native or now < self._next_poll:
            return
        self._next_poll = now + self._settings.video.poll_seconds
        folders, warning = self._watch.unwatched()
        for prefix in folders:
            self._scanner.folders.soon(prefix, now)
        if warning is None:
            self._warnings.pop("watches", None)
        elif self._warnings.get("watches") != warning:
            log.warning("%s", warning)
            self._warnings["watches"] = warning

    def tell(
        self, *, pictures: bool, labels: status.LabelsState | None = None, moving: MoverState = NOT_MOVING
    ) -> None:
        """Write the state into the status file. `pictures`: they can be made; `labels`: a model's."""
        intake, scanner = self._intake, self._scanner
        current = status.Status(
            pid=os.getpid(),
            watching="native" if self.native else "poll",
            settling=len(intake.pending),
            scanning=scanner.scanning,
            last_scan_at=scanner.last_at,
            scan_seconds=scanner.last_seconds,
            ingested=intake.ingested,
            ingest_seconds=round(intake.ingest_seconds, 3),
            lost_events=self.lost_events,
            problems=self._problems.copy(),
            warnings=self._warnings | ({} if pictures else PICTURELESS) | _unlabelled(labels) | _unmoved(moving),
            labels=labels,
            away=moving.away,
            costs=moving.costs,
            copies_bytes=moving.copies_bytes,
            aside=intake.aside.names(),
        )
        self._teller.tell(current, self._clock.monotonic())


def _unmoved(moving: MoverState) -> dict[str, str]:
    """The warning that clips cannot be moved to a store, or back."""
    return {} if moving.problem is None else {"stores": moving.problem}


def _unlabelled(labels: status.LabelsState | None) -> dict[str, str]:
    """The warning that a model does not look at clips."""
    if labels is None or labels.warning is None:
        return {}
    return {"labels": f"no model looks at clips at present: {labels.warning}"}
