"""Finds out whose clock is wrong, before rules of retention go by it: cameras', and the host's."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from watcher.catalog import Catalog
from watcher.model.doubt import DAY_MS, LIVE_CLIPS, Came, steady_lag
from watcher.model.retention_state import Remembered
from watcher.naming.ignore import printable

log = logging.getLogger("watcher.retention")

PAGE = 500
LATE_MS = 60_000
RUN_MOST = 1000  # clips of a camera that are remembered to tell its lag
_LAST = (LIVE_CLIPS, 4 * LIVE_CLIPS, 20 * LIVE_CLIPS, RUN_MOST)  # how many of the last ones are asked


class Clocks:
    """Looks at what has come since the last look, a few indexed questions however many clips there are."""

    def __init__(self, catalog: Catalog, grace: timedelta) -> None:
        self._catalog = catalog
        self._grace = grace
        self._after_ms = 0  # arrival of the last clip that was looked at …
        self._seen: set[int] = set()  # … and the ids of those that came shortly before: others may commit late
        self._runs: dict[str, deque[Came]] = {}

    def look(self, now: datetime, remembered: Remembered) -> dict[str, int]:
        """Note what is found in the catalog; the cameras whose clocks are behind, and by how many milliseconds."""
        self._repair_arrivals(now, remembered)
        lags = self._find_lags(dict(remembered.lags))
        self._catalog.arrivals.end_grace(now - self._grace)
        return lags

    def _repair_arrivals(self, now: datetime, remembered: Remembered) -> None:
        """What came while the host's clock was wrong has come now. A clock that has just jumped tells nothing."""
        ahead = remembered.steady_ms >= self._grace.total_seconds() * 1000 and self._catalog.arrivals.few_ahead(now)
        while wrong := self._catalog.arrivals.wrong(now, ahead=ahead):
            log.warning("%d clips came while this machine's clock was wrong: they count as if now", len(wrong))
            self._catalog.arrivals.set_now(wrong, now)

    def _find_lags(self, lags: dict[str, int]) -> dict[str, int]:
        """Doubt the live clips of cameras whose clocks are behind."""
        for page in self._fresh():
            self._catalog.arrivals.doubt(self._behind(page, lags))
        return lags

    def _behind(self, came: list[Came], lags: dict[str, int]) -> list[int]:
        """The ids of those clips whose camera's clock is behind; `lags` learns of it."""
        late: list[int] = []
        for camera, some in itertools.groupby(sorted(came, key=_camera), key=_camera):
            run = self._runs.setdefault(camera, deque(maxlen=RUN_MOST))
            for clip in some:
                steady = lags.get(camera)
                if steady is not None and abs(clip.lag_ms - steady) <= DAY_MS:
                    lags[camera] = clip.lag_ms  # a clock that is behind drifts, too
                    late.append(clip.id)
                    continue
                if run and abs(clip.lag_ms - run[-1].lag_ms) > DAY_MS:
                    run.clear()
                run.append(clip)
            lag = next(
                filter(None, (steady_lag(list(run)[-last:], self._catalog.database.doubt_ms) for last in _LAST)),
                None,
            )
            if lag is not None:
                lags[camera] = lag
                late += [clip.id for clip in run if abs(clip.lag_ms - lag) <= DAY_MS]
                run.clear()
                log.warning(
                    "the clock of %s is %d days behind: its clips count from when they came",
                    printable(camera),
                    lag // DAY_MS,
                )
        return late

    def _fresh(self) -> Iterator[list[Came]]:
        """What has come since the last look, in the order in which it came, some at a time."""
        seen, self._seen = self._seen, set()
        came = self._catalog.arrivals.old((self._after_ms - LATE_MS, 0))
        while page := list(itertools.islice(came, PAGE)):
            self._after_ms = page[-1].arrived_ms
            self._seen |= {clip.id for clip in page}
            yield [clip for clip in page if clip.id not in seen]


def _camera(clip: Came) -> str:
    return clip.camera
