"""What is learnt of a clip's content after it was catalogued."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rows import FULL, LENGTH_LIMIT_MS, PRESENT
from watcher.catalog.schema import clips
from watcher.catalog.sums import Sums


def amend(database: Database, clip_id: int, digest: str, values: dict[str, Any]) -> bool:
    """Note what was learnt of the content of a clip; False if that changed meanwhile."""
    with database.write() as connection:
        revision = database.revisions(connection, 1) + 1
        old = connection.execute(FULL.where(clips.c.id == clip_id, clips.c.digest == digest)).first()
        if old is None:
            return False
        if old.state not in PRESENT:  # gone meanwhile: what was learnt stays, but it is not listed
            values = {name: value for name, value in values.items() if name not in {"state", "listed"}}
        if values.get("state") == "ready" and old.state != "ready":
            values["ready_revision"] = revision
        if values.get("duration_ms"):
            values["ended_ms"] = old.started_ms + min(values["duration_ms"], LENGTH_LIMIT_MS)
        connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(**values, revision=revision))
        sums = Sums()
        sums.take(old)
        sums.give({**old._mapping, **values})
        sums.write(connection, database.insert)
        return True
