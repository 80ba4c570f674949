"""The sums over listed clips that are kept by camera and time, so that nobody counts a million rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from watcher.catalog.schema import cameras, quarters

QUARTER_MS = 15 * 60 * 1000


class Sums:
    """What a transaction changes in the kept sums, by camera and by quarter of an hour."""

    def __init__(self) -> None:
        self._cameras: dict[str, list[int]] = {}
        self._quarters: dict[tuple[int, str], list[int]] = {}

    def take(self, row: Any) -> None:
        """A row as it was no longer counts."""
        self._add(row._mapping, -1)

    def give(self, values: Any) -> None:
        """A row with these values counts from now on."""
        self._add(values, 1)

    def _add(self, values: Any, sign: int) -> None:
        if values["listed"]:
            camera, duration = values["camera"], values["duration_ms"] or 0
            of_camera = self._cameras.setdefault(camera, [0, 0, 0])
            for index, amount in enumerate((1, duration, values["size_bytes"])):
                of_camera[index] += sign * amount
            of_quarter = self._quarters.setdefault((values["started_ms"] // QUARTER_MS, camera), [0, 0])
            for index, amount in enumerate((1, duration)):
                of_quarter[index] += sign * amount

    def write(self, connection: sa.Connection, insert: Callable[[sa.Table], Any]) -> None:
        """Adjust the kept sums by what was taken and given."""
        by_camera = [
            {"camera": camera, "clips": clips, "duration_ms": duration, "size_bytes": size}
            for camera, (clips, duration, size) in sorted(self._cameras.items())
            if (clips, duration, size) != (0, 0, 0)
        ]
        by_quarter = [
            {"quarter": quarter, "camera": camera, "clips": clips, "duration_ms": duration}
            for (quarter, camera), (clips, duration) in sorted(self._quarters.items())
            if (clips, duration) != (0, 0)
        ]
        for table, rows in ((cameras, by_camera), (quarters, by_quarter)):
            if rows:
                row = insert(table)
                keys = [column.name for column in table.primary_key]
                added = {c.name: c + row.excluded[c.name] for c in table.c if c.name not in keys}
                connection.execute(row.on_conflict_do_update(index_elements=keys, set_=added), rows)
