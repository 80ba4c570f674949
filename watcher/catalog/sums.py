"""The sums over listed clips that are kept by camera and time, so that nobody counts a million rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from watcher.catalog.rows import names_in
from watcher.catalog.schema import cameras, day_offsets, days, label_days, quarters
from watcher.model.buckets import Bucket

QUARTER_MS = 15 * 60 * 1000
OFFSETS = sa.select(day_offsets.c.offset_quarters)


class Sums:
    """What a transaction changes in the kept sums: by camera, quarter of an hour and day, and by label and day."""

    def __init__(self) -> None:
        self._cameras: dict[str, list[int]] = {}
        self._quarters: dict[tuple[int, str], list[int]] = {}
        self._labels: dict[tuple[str, int, str], int] = {}

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
            for name in names_in(values.get("labels")):
                of_label = (name, values["started_ms"] // QUARTER_MS, camera)
                self._labels[of_label] = self._labels.get(of_label, 0) + sign

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
        by_label = {place: clips for place, clips in self._labels.items() if clips}
        offsets = sorted(connection.execute(OFFSETS).scalars()) if by_quarter or by_label else []
        by_day = list(self._by_day(offsets))
        by_label_day = list(_by_label_day(by_label, offsets))
        for table, rows in (
            (cameras, by_camera),
            (quarters, by_quarter),
            (days, by_day),
            (label_days, by_label_day),
        ):
            if rows:
                row = insert(table)
                keys = [column.name for column in table.primary_key]
                added = {c.name: c + row.excluded[c.name] for c in table.c if c.name not in keys}
                connection.execute(row.on_conflict_do_update(index_elements=keys, set_=added), rows)

    def _by_day(self, offsets: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The same for the days that clocks with these offsets have."""
        for offset in offsets:
            sums: dict[tuple[int, str], list[int]] = {}
            for (quarter, camera), (clips, duration) in self._quarters.items():
                of_day = sums.setdefault(((quarter + offset) // Bucket.DAY, camera), [0, 0])
                of_day[0] += clips
                of_day[1] += duration
            for (day, camera), (clips, duration) in sorted(sums.items()):
                if (clips, duration) != (0, 0):
                    values = {"day": day, "camera": camera, "clips": clips, "duration_ms": duration}
                    yield {"offset_quarters": offset, **values}


def _by_label_day(clips: dict[tuple[str, int, str], int], offsets: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Clips by label, quarter and camera, added up to the days that clocks with these offsets have."""
    for offset in offsets:
        sums: dict[tuple[str, int, str], int] = {}
        for (name, quarter, camera), count in clips.items():
            of_day = (name, (quarter + offset) // Bucket.DAY, camera)
            sums[of_day] = sums.get(of_day, 0) + count
        for (name, day, camera), count in sorted(sums.items()):
            if count:
                place = {"offset_quarters": offset, "name": name, "day": day, "camera": camera}
                yield {**place, "clips": count}
