"""What cameras sent, by day: for the limit that may be set."""

from __future__ import annotations

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import sent


class Sent:
    """How much came over HTTP."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def on(self, camera: str, day: str) -> int:
        """How many bytes a camera has sent on a day."""
        select = sa.select(sent.c.size_bytes).where(sent.c.camera == camera, sent.c.day == day)
        with self._database.engine.connect() as connection:
            return int(connection.execute(select).scalar() or 0)

    def last(self) -> dict[str, int]:
        """How many bytes each camera has sent on the last day on which it sent any."""
        select = sa.select(sent.c.camera, sent.c.size_bytes).order_by(sent.c.day)
        with self._database.engine.connect() as connection:
            return {camera: int(size) for camera, size in connection.execute(select)}

    def note(self, camera: str, day: str, size_bytes: int) -> None:
        """Note that a camera has sent some more; earlier days are forgotten."""
        row = self._database.insert(sent).values(camera=camera, day=day, size_bytes=size_bytes)
        more = {"size_bytes": sent.c.size_bytes + row.excluded.size_bytes}
        with self._database.write() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["camera", "day"], set_=more))
            connection.execute(sa.delete(sent).where(sent.c.camera == camera, sent.c.day < day))
