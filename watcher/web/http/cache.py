"""Answers that are kept to be given again: as many as fit."""

from __future__ import annotations

import threading
from operator import itemgetter
from typing import NamedTuple

from cachetools import FIFOCache

ONE_MOST = 1 << 20  # bytes of an answer; a year by day of ten cameras has 550,000
OVERHEAD_BYTES = 1000  # of an answer besides its body and its place
BYTES_MOST = 2 << 20  # of all answers that one process keeps


class CachedAnswer(NamedTuple):
    """An answer, which holds as long as the catalog's last change is this one."""

    head: int | None
    tag: str
    headers: list[tuple[str, str]]
    body: bytes | None  # None: whoever asks has it
    route: str


class Cache:
    """Answers by place, bounded with all that belongs to them; the eldest make room."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: FIFOCache[str, tuple[CachedAnswer, int]] = FIFOCache(BYTES_MOST, getsizeof=itemgetter(1))

    def get(self, place: str) -> CachedAnswer | None:
        """The answer at a place; None where there is none."""
        with self._lock:
            entry = self._entries.get(place)
        return None if entry is None else entry[0]

    def put(self, place: str, answer: CachedAnswer, body_bytes: int) -> None:
        """Keep an answer whose body has so many bytes, in place of what lay there."""
        if body_bytes <= ONE_MOST:
            cost = body_bytes + 4 * len(place) + OVERHEAD_BYTES  # a long question is not for nothing
            with self._lock:
                self._entries[place] = answer, cost
