"""Looks after cameras that should have left clips and did not: a thread of the ingester.

A camera is silent when its last clip ended longer ago than it is usually quiet, or than the
settings allow. Nobody is called silent before the ingester has scanned: what was left while it was away is none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from watcher.catalog.silences import Silence
from watcher.model.buckets import quarter_of
from watcher.model.clip import CameraSummary
from watcher.services import Services
from watcher.storage import status

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 5.0
LEARN_SECONDS = 3600.0  # between two looks at a camera's rhythm
LEARNT_DAYS = 28  # four weeks, so that a free day of each week is usual
DAYS_LEAST = 4  # with clips, below which nothing is known
OUTAGES = 2  # days on which something else than its rhythm may have kept it quiet
SLACK = 1.5
LEAST = timedelta(hours=1)  # what is shorter is nobody's concern
_QUARTER = timedelta(minutes=15)
_A_DAY = 96  # quarters
NOTED_SHARE = 0.1  # by how much a limit has to differ from the one that is noted


def usual_quiet(quarters: Iterable[int]) -> timedelta | None:
    """How long a camera that left clips in these quarters of an hour may be quiet; None where nothing is known.

    Half more than the longest stretch without a clip, but for the two days with the longest ones: a camera that was
    broken once must not become one that may be quiet for ever. Quarters are numbered from 1970, in their order.

    >>> every_hour = range(0, 14 * 96, 4)
    >>> usual_quiet(every_hour), usual_quiet(range(96))
    (datetime.timedelta(seconds=5400), None)
    >>> by_day = [day * 96 + quarter for day in range(14) for quarter in range(30, 70)]
    >>> usual_quiet(by_day)  # nights of 14¼ hours
    datetime.timedelta(seconds=76950)
    """
    longest: dict[int, int] = {}  # stretch, by the day in which it ends
    before = None
    for quarter in quarters:
        if before is not None:
            day = quarter // _A_DAY
            longest[day] = max(longest.get(day, 0), quarter - before)
        before = quarter
    if len(longest) < DAYS_LEAST:
        return None
    stretches = sorted(longest.values(), reverse=True)
    usual = stretches[min(OUTAGES, len(stretches) // DAYS_LEAST)]
    return max(LEAST, usual * _QUARTER * SLACK)


class SilenceWatch:
    """Notes which cameras are silent."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = "silent cameras", LOOK_SECONDS, threading.Event()
        self._settings = services.settings.silence
        self._own_limits = {camera.camera: timedelta(hours=camera.after_hours) for camera in self._settings.cameras}
        self._learnt: dict[str, tuple[float, timedelta | None]] = {}

    def turn(self) -> None:
        """Look at each camera once, but not before the first scan has ended."""
        state = status.read(self.services.places.status)
        if state is None or state[0].last_scan_at is None or state[0].scanning:
            return
        silences, now = self.catalog.silences.all(), self.services.clock.now()
        there = self.catalog.clips.camera_summaries()
        for summary in there:
            before = silences.get(summary.camera)
            if summary.silent_since is None or (limit := self._limit(summary, before, now)) is None:
                continue
            silent = now - summary.silent_since > limit
            if before is None or before.silent != silent or abs(before.limit - limit) > NOTED_SHARE * before.limit:
                # Of one that is back, since when it had been silent.
                since = before.since if before is not None and before.silent else summary.silent_since
                self.catalog.silences.set(summary.camera, silent=silent, since=since, limit=limit)
            if silent and not (before and before.silent):
                log.warning(
                    "%s is silent: its last clip ended at %s", summary.camera, summary.silent_since.isoformat()
                )
            elif before is not None and before.silent and not silent:
                log.info("%s leaves clips again", summary.camera)
        watched = {summary.camera for summary in there} - set(self._settings.ignore)
        if gone := sorted(set(silences) - watched):  # they have no clips any more, or are not to be looked at
            self.catalog.silences.drop(gone)

    def _limit(self, summary: CameraSummary, before: Silence | None, now: datetime) -> timedelta | None:
        """For how long a camera may be quiet; None where nobody knows, or cares."""
        if summary.camera in self._settings.ignore:
            return None
        own = self._own_limits.get(summary.camera) or timedelta(hours=self._settings.after_hours)
        if own:
            return own
        at, limit = self._learnt.get(summary.camera, (0.0, None))
        clock = self.services.clock.monotonic()
        if summary.camera not in self._learnt or clock - at > LEARN_SECONDS:
            first = quarter_of(now - timedelta(days=LEARNT_DAYS))
            limit = usual_quiet(self.catalog.silences.active_quarters(summary.camera, first))
            self._learnt[summary.camera] = (clock, limit)
        # One that has been away for weeks has no rhythm any more, but it had one.
        return limit or (None if before is None else before.limit)
