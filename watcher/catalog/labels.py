"""Labels: put on a clip, taken off, counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.label_counts import labels_in, write_labels
from watcher.catalog.rows import FULL
from watcher.catalog.schema import clips, label_cameras, label_names, leases, refusals
from watcher.model.clip import ClipState, Label, milliseconds
from watcher.model.errors import BadParameterError, ClipNotFoundError

LABELS_MOST = 100  # of one clip: lists show them all


class Labels:
    """What people and models say that clips show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, clip_id: int, name: str, *, author: str, confidence: float | None, now: datetime) -> bool:
        """Say that a clip shows something; whether it was not said before.

        The last word counts: the same name by another author, or with another confidence, takes its place. When
        and where a model has seen it stays known. Raises ClipNotFoundError, and BadParameterError for a clip that
        has many.
        """
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            clip, labels = self._labels_of(connection, clip_id)
            old = labels.get(name)
            if old is not None and (old.author, old.confidence) == (author, confidence):
                return False
            if old is None and len(labels) >= LABELS_MOST:
                raise BadParameterError("name", f"a clip has at most {LABELS_MOST} labels: take one off first")
            labels[name] = Label(name, author, confidence, milliseconds(now), None if old is None else old.sight)
            write_labels(connection, self._database.insert, clip, labels, {"revision": fresh})
            connection.execute(sa.delete(leases).where(leases.c.clip_id == clip_id))
            connection.execute(sa.delete(refusals).where(refusals.c.clip_id == clip_id, refusals.c.name == name))
            return old is None

    def remove(self, clip_id: int, name: str, *, author: str = "", now: datetime | None = None) -> None:
        """Take a label off; one that is not there is off already. Raises ClipNotFoundError.

        Of a model's it is remembered that `author` refused it at `now`: it does not come back.
        """
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            clip, labels = self._labels_of(connection, clip_id)
            old = labels.pop(name, None)
            if old is None:
                return
            write_labels(connection, self._database.insert, clip, labels, {"revision": fresh})
            if old.sight is not None and now is not None:
                row = {"author": author, "at_ms": milliseconds(now), "confidence": old.confidence}
                put = self._database.insert(refusals).values(clip_id=clip_id, name=name, **row)
                connection.execute(put.on_conflict_do_update(index_elements=["clip_id", "name"], set_=row))

    def counts(self, cameras: Sequence[str] | None = None) -> list[tuple[str, int]]:
        """Every label in use with how many clips have it, by name, of all cameras or some; from kept sums."""
        select: Any = sa.select(label_names).where(label_names.c.clips > 0).order_by(label_names.c.name)
        if cameras is not None:
            count = sa.func.sum(label_cameras.c.clips)
            select = sa.select(label_cameras.c.name, count).where(label_cameras.c.camera.in_(cameras))
            select = select.group_by(label_cameras.c.name).having(count > 0).order_by(label_cameras.c.name)
        with self._database.engine.connect() as connection:
            return [(str(row[0]), int(row[1])) for row in connection.execute(select)]

    def label_cameras(self, cameras: Sequence[str] | None = None) -> list[tuple[str, str, int]]:
        """The same of each camera: label, camera, clips."""
        select = sa.select(label_cameras).where(label_cameras.c.clips > 0)
        if cameras is not None:
            select = select.where(label_cameras.c.camera.in_(cameras))
        with self._database.engine.connect() as connection:
            rows = connection.execute(select.order_by(label_cameras.c.name, label_cameras.c.camera))
            return [(str(row.name), str(row.camera), int(row.clips)) for row in rows]

    def _labels_of(self, connection: sa.Connection, clip_id: int) -> tuple[Any, dict[str, Label]]:
        clip = connection.execute(FULL.where(clips.c.id == clip_id)).first()
        if clip is None or clip.state == ClipState.RETIRED:
            raise ClipNotFoundError(f"there is no clip {clip_id}")
        return clip, labels_in(clip)
