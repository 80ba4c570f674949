"""Marks clips whose files are gone as missing: some at a time, and very many only when a person allows it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from watcher.ingest.scan import too_many_missing, way_back
from watcher.naming.ignore import printable
from watcher.services import Services

log = logging.getLogger("watcher.ingester")

AT_ONCE = 100  # clips a transaction
NAMED = 20  # in the log


class Missing:
    """The clips whose files are gone; used from one thread."""

    def __init__(self, services: Services, problem: Callable[[str, str | None], None]) -> None:
        self._root = services.root
        self._catalog = services.catalog
        self._clock = services.clock
        self._share = services.settings.scan.max_missing_share
        self._stores = [table.name for table in services.settings.stores]
        self._problem = problem
        self._way_shown = False
        self._going: dict[str, None] = {}  # decided, and not marked yet

    def __len__(self) -> int:
        return len(self._going)

    def clear(self) -> None:
        """Forget what was decided: a scan decides again."""
        self._going.clear()

    def decide(self, candidates: Iterable[str], catalog_id: str) -> tuple[list[str], bool]:
        """Decide about keys that are said to be gone.

        Returns those whose files are back, to be read again, and whether too many are gone at once.
        """
        back: list[str] = []
        keys: list[str] = []
        for key in candidates:
            (keys if self._is_gone(key) else back).append(key)
        keys = [row.key for row in self._catalog.files.known_keys(keys).values() if row.state != "missing"]
        if not keys:
            return back, False
        problem = self._root.marker_problem(catalog_id)
        self._problem("marker", problem)
        if problem:
            return back, False
        count = len(keys) + len(self._going)
        now = self._clock.now()
        problem = too_many_missing(self._catalog, count, share=self._share, now=now, stores=self._stores)
        if problem:
            self._problem("missing", problem)
            return back, True
        self._going.update(dict.fromkeys(keys))
        for key in keys[:NAMED]:
            log.info("%s is missing", printable(key))
        if len(keys) > NAMED:
            log.info("… and %d more are missing", len(keys) - NAMED)
        if not self._way_shown:
            self._way_shown = True
            for store in self._stores:
                log.info("%s", way_back(store))
        return back, False

    def mark_some(self) -> list[str]:
        """Mark some of the clips that were decided about. Returns keys whose files are back, to be read again."""
        some = list(self._going)[:AT_ONCE]
        gone = [key for key in some if self._is_gone(key)]
        if gone:
            self._catalog.writes.mark_missing(gone, now=self._clock.now())
        for key in some:
            del self._going[key]
        return [key for key in some if key not in set(gone)] if len(gone) < len(some) else []

    def _is_gone(self, key: str) -> bool:
        """Whether a file is surely not there: it may have come back since the event, or be unreadable."""
        try:
            return self._root.look(key) is None
        except (OSError, ValueError):
            return False
