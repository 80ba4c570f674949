"""The sums over listed clips that are kept by camera, so that nobody counts a million rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from watcher.catalog.schema import cameras


class Sums:
    """What a transaction changes in the kept sums, by camera."""

    def __init__(self) -> None:
        self._changes: dict[str, list[int]] = {}

    def take(self, row: Any) -> None:
        """A row as it was no longer counts."""
        self._add(row._mapping, -1)

    def give(self, values: Any) -> None:
        """A row with these values counts from now on."""
        self._add(values, 1)

    def _add(self, values: Any, sign: int) -> None:
        if values["listed"]:
            change = self._changes.setdefault(values["camera"], [0, 0, 0])
            for index, amount in enumerate((1, values["size_bytes"], values["duration_ms"] or 0)):
                change[index] += sign * amount

    def write(self, connection: sa.Connection, insert: Callable[[sa.Table], Any]) -> None:
        """Adjust the kept sums by what was taken and given."""
        for camera, (count, size, duration) in sorted(self._changes.items()):
            if (count, size, duration) == (0, 0, 0):
                continue
            row = insert(cameras).values(camera=camera, clips=count, size_bytes=size, duration_ms=duration)
            added = {name: cameras.c[name] + row.excluded[name] for name in ("clips", "size_bytes", "duration_ms")}
            connection.execute(row.on_conflict_do_update(index_elements=["camera"], set_=added))
