"""What people and a model say of the same clips: by this a model is judged."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.label_counts import labels_in
from watcher.catalog.schema import clips, inspections, refusals
from watcher.model.sight import Seen


class Judged(NamedTuple):
    """What people and a model say of one clip."""

    id: int
    camera: str
    by_people: set[str]  # labels by people
    refused: set[str]  # a model's, that a person took off
    seen: dict[str, float]  # how sure the model is, of each label


class Judgements:
    """What people and models say of clips."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, after: int, limit: int) -> list[Judged]:
        """Clips that a model has looked at and people have said something of, by id."""
        refused = sa.select(refusals.c.name).where(refusals.c.clip_id == clips.c.id)
        select = (
            sa.select(clips.c.id, clips.c.camera, clips.c.labels, inspections.c.seen)
            .join(inspections, inspections.c.clip_id == clips.c.id)
            .where(clips.c.id > after, inspections.c.done_ms.is_not(None), inspections.c.error.is_(None))
            .where((clips.c.labeled_by_people == 1) | sa.exists(refused))
            .order_by(clips.c.id)
            .limit(limit)
        )
        with self._database.engine.connect() as connection:
            rows = connection.execute(select).fetchall()
            no = sa.select(refusals.c.clip_id, refusals.c.name).where(refusals.c.clip_id.in_([r.id for r in rows]))
            no_by_clip: dict[int, set[str]] = {}
            for clip_id, name in connection.execute(no):
                no_by_clip.setdefault(clip_id, set()).add(name)
        return [
            Judged(
                row.id,
                row.camera,
                {name for name, label in labels_in(row).items() if not label.by_model},
                no_by_clip.get(row.id, set()),
                {thing.name: thing.score for thing in msgspec.json.decode(row.seen or "[]", type=list[Seen])},
            )
            for row in rows
        ]
