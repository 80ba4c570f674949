"""Labels: put on a clip, taken off, counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from watcher.catalog.rows import FULL
from watcher.catalog.schema import clips, label_names, labels, leases
from watcher.model.clip import ClipState, Label, milliseconds
from watcher.model.errors import ClipNotFoundError
from watcher.model.search_words import words_of


class Labelling:
    """What people and models say that clips show."""

    engine: sa.Engine
    _insert: Callable[[sa.Table], Any]
    write: Callable[[], Any]
    _revisions: Callable[[sa.Connection, int], int]

    def put_label(self, clip_id: int, name: str, *, author: str, confidence: float | None, now: datetime) -> bool:
        """Say that a clip shows something; whether it was not said before. Raises ClipNotFoundError.

        The last word counts: the same name by another author, or with another confidence, takes its place.
        """
        with self.write() as connection:
            fresh = self._revisions(connection, 1) + 1
            clip, known = self._labels_of(connection, clip_id)
            old = known.get(name)
            if old is not None and (old.author, old.confidence) == (author, confidence):
                return False
            values = {"author": author, "confidence": confidence, "at_ms": milliseconds(now)}
            row = self._insert(labels).values(clip_id=clip_id, name=name, started_ms=clip.started_ms, **values)
            connection.execute(row.on_conflict_do_update(index_elements=["clip_id", "name"], set_=values))
            if old is None:
                count = self._insert(label_names).values(name=name, clips=1)
                more = {"clips": label_names.c.clips + 1}
                connection.execute(count.on_conflict_do_update(index_elements=["name"], set_=more))
            known[name] = Label(name, author, confidence, milliseconds(now))
            self._note_labels(connection, clip, known, fresh)
            connection.execute(sa.delete(leases).where(leases.c.clip_id == clip_id))
            return old is None

    def remove_label(self, clip_id: int, name: str) -> None:
        """Take a label off; one that is not there is off already. Raises ClipNotFoundError."""
        with self.write() as connection:
            fresh = self._revisions(connection, 1) + 1
            clip, known = self._labels_of(connection, clip_id)
            if known.pop(name, None) is None:
                return
            connection.execute(sa.delete(labels).where(labels.c.clip_id == clip_id, labels.c.name == name))
            less = sa.update(label_names).where(label_names.c.name == name)
            connection.execute(less.values(clips=label_names.c.clips - 1))
            self._note_labels(connection, clip, known, fresh)

    def label_counts(self, cameras: Sequence[str] | None = None) -> list[tuple[str, int]]:
        """Every label in use with how many clips have it, by name; from kept sums, or counted for some cameras."""
        select: Any = sa.select(label_names).where(label_names.c.clips > 0).order_by(label_names.c.name)
        if cameras is not None:
            count = sa.select(labels.c.name, sa.func.count()).join(clips, clips.c.id == labels.c.clip_id)
            select = count.where(clips.c.camera.in_(cameras)).group_by(labels.c.name).order_by(labels.c.name)
        with self.engine.connect() as connection:
            return [(str(row[0]), int(row[1])) for row in connection.execute(select)]

    def _labels_of(self, connection: sa.Connection, clip_id: int) -> tuple[Any, dict[str, Label]]:
        clip = connection.execute(FULL.where(clips.c.id == clip_id)).first()
        if clip is None or clip.state == ClipState.RETIRED:
            raise ClipNotFoundError(f"there is no clip {clip_id}")
        known = msgspec.json.decode(clip.labels or "[]", type=list[Label])
        return clip, {label.name: label for label in known}

    def _note_labels(self, connection: sa.Connection, clip: Any, known: dict[str, Label], revision: int) -> None:
        """The clip's row holds its labels as well, so that lists read no other table."""
        text = msgspec.json.encode([known[name] for name in sorted(known)]).decode() if known else None
        words = words_of(clip.key, clip.camera, known)
        changed = sa.update(clips).where(clips.c.id == clip.id)
        connection.execute(changed.values(labels=text, words=words, revision=revision))
