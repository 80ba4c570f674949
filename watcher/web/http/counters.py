"""How many requests each route has answered, and in how much time, over all of uWSGI's processes.

The figures lie in memory that is shared by the processes that are forked after it was made. Each writes only its
own part, so nobody waits for another; whoever is asked adds the parts up.
"""

from __future__ import annotations

import contextlib
import importlib
import mmap
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

uwsgi: Any = None
with contextlib.suppress(ImportError):
    uwsgi = importlib.import_module("uwsgi")  # there only inside of uWSGI

PROCESSES_MOST = 16
CLASSES = 5  # 1xx to 5xx
_FIGURE_BYTES = 8


class Answered(NamedTuple):
    """What one route has answered with statuses of one class."""

    route: int  # number in the list that the counters were made for
    status_class: int  # 2 for 200 to 299
    requests: int
    seconds: float


class Counters:
    """Counts for some routes."""

    def __init__(self, routes: int) -> None:
        self._part = routes * CLASSES * 2
        shared = mmap.mmap(-1, PROCESSES_MOST * self._part * _FIGURE_BYTES)
        self._figures = memoryview(shared).cast("Q")  # a count and its microseconds, one after the other
        self._lock = threading.Lock()  # of this process's threads

    def add(self, route: int, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        process = uwsgi.worker_id() if uwsgi is not None else 0
        at = (process % PROCESSES_MOST) * self._part + (
            route * CLASSES + min(max(status // 100, 1), CLASSES) - 1
        ) * 2
        with self._lock:
            self._figures[at] += 1
            self._figures[at + 1] += max(0, round(seconds * 1e6))

    def sums(self) -> Iterator[Answered]:
        """What was answered since the start, by route and class."""
        for place in range(0, self._part, 2):
            count = sum(self._figures[place :: self._part])
            if count:
                route, number = divmod(place // 2, CLASSES)
                yield Answered(route, number + 1, count, sum(self._figures[place + 1 :: self._part]) / 1e6)


def workers() -> Sequence[dict[str, Any]]:
    """What uWSGI says of its processes; nothing outside of it."""
    return () if uwsgi is None else tuple(uwsgi.workers())
