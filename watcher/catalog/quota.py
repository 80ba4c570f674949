"""What cameras sent, by day: for the limit that may be set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from watcher.catalog.schema import sent


class Sending:
    """How much came over HTTP."""

    engine: sa.Engine
    _insert: Callable[[sa.Table], Any]
    write: Callable[[], Any]

    def sent_on(self, camera: str, day: str) -> int:
        """How many bytes a camera has sent on a day."""
        select = sa.select(sent.c.size_bytes).where(sent.c.camera == camera, sent.c.day == day)
        with self.engine.connect() as connection:
            return int(connection.execute(select).scalar() or 0)

    def sent_last(self) -> dict[str, int]:
        """How many bytes each camera has sent on the last day on which it sent any."""
        select = sa.select(sent.c.camera, sent.c.size_bytes).order_by(sent.c.day)
        with self.engine.connect() as connection:
            return {camera: int(size) for camera, size in connection.execute(select)}

    def note_sent(self, camera: str, day: str, size_bytes: int) -> None:
        """Note that a camera has sent some more; earlier days are forgotten."""
        row = self._insert(sent).values(camera=camera, day=day, size_bytes=size_bytes)
        more = {"size_bytes": sent.c.size_bytes + row.excluded.size_bytes}
        with self.write() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["camera", "day"], set_=more))
            connection.execute(sa.delete(sent).where(sent.c.camera == camera, sent.c.day < day))
