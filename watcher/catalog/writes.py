"""The catalog's few writes.

Every write is one short transaction that first takes the next revisions: that row's lock makes writers queue on
both engines, so revisions are committed in the order in which they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from watcher.catalog.arrivals import arrived_ms
from watcher.catalog.batch import INSERT, Before, complete, lengthen, overwrite
from watcher.catalog.bounds import json_text, length_ms, optional, text
from watcher.catalog.content import amend
from watcher.catalog.corrections import correction
from watcher.catalog.database import Database
from watcher.catalog.faults import blamed
from watcher.catalog.label_counts import move_labels
from watcher.catalog.rows import (
    FULL,
    PRESENT,
    REDATE_LABELS,
    SCANNED,
    Probed,
    label_names,
    same,
    to_values,
    unchanged,
)
from watcher.catalog.schema import clips, facts
from watcher.catalog.sums import Sums
from watcher.model.clip import ClipState, Playable, milliseconds
from watcher.model.doubt import counting
from watcher.model.errors import ChangedError, ClipNotFoundError
from watcher.model.instant import Instant
from watcher.model.search_words import words_of


class Writes:
    """What can be noted of clips; the questions are in `clips.py`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scanned = False

    def put(self, batch: Sequence[Probed], *, now: datetime) -> int:
        """Catalog some files; the same ones again change nothing. Returns how many rows changed.

        A known key keeps its id and takes the new content. An unknown one whose content moved takes over the
        clip it was, if that one still has the key it had when the batch was made (`moved_from`).
        All of them or none: raises RowError where the database takes a row's values for impossible.
        """
        with blamed(), self._database.write() as connection:
            revision = self._database.revisions(connection, len(batch))
            scanned = self._scanned = self._scanned or connection.execute(SCANNED).first() is not None
            before, sums = Before(connection, batch), Sums()
            fresh: list[dict[str, Any]] = []
            longest = changed = 0
            for probed in before.batch:
                revision += 1
                values = to_values(probed, revision)
                longest = max(longest, values["ended_ms"] - values["started_ms"])
                if before.goes(probed) or before.is_elsewhere(probed):
                    continue
                old = before.take(probed, self._database)
                arrived = arrived_ms(probed, now, scanned=scanned)
                complete(values, probed, old, arrived=arrived, doubt_ms=self._database.doubt_ms)
                if old is None:
                    fresh.append(values | {"ingested_ms": milliseconds(now)})
                elif old.key == probed.key and old.state == probed.state and same(old, values):
                    continue
                else:
                    overwrite(connection, self._database.insert, old, values)
                    sums.take(old)
                changed += 1
                sums.give(values if old is None else {**old._mapping, **values})
            if fresh:
                connection.execute(INSERT, fresh)
            sums.write(connection, self._database.insert)
            lengthen(connection, longest)
        return changed

    def mark_scanned(self) -> None:
        """Note that a whole scan has ended: what is found from now on has come now."""
        if not self._scanned:
            with self._database.write() as connection:
                done = self._database.insert(facts).values(name="scanned", value="1").on_conflict_do_nothing()
                connection.execute(done)
            self._scanned = True

    def mark_missing(self, keys: Sequence[str], *, now: datetime) -> int:
        """Note that the files of some clips are gone; all that is known of them stays. Returns how many were."""
        with self._database.write() as connection:
            revision = self._database.revisions(connection, len(keys))
            here = clips.c.state.in_(PRESENT) & clips.c.store.is_(None)
            gone = list(connection.execute(FULL.where(clips.c.key.in_(keys), here)))
            sums = Sums()
            for row in gone:
                revision += 1
                sums.take(row)
                values = {
                    "state": "missing",
                    "listed": 0,
                    "render_due": 0,
                    "missing_ms": milliseconds(now),
                    "revision": revision,
                }
                connection.execute(sa.update(clips).where(clips.c.id == row.id).values(values))
            sums.write(connection, self._database.insert)
        return len(gone)

    def correct(
        self,
        clip_id: int,
        *,
        camera: str | msgspec.UnsetType | None = msgspec.UNSET,
        start: Instant | msgspec.UnsetType | None = msgspec.UNSET,
        held: bool | msgspec.UnsetType = msgspec.UNSET,
        note: str | msgspec.UnsetType | None = msgspec.UNSET,
        revision: int | None = None,
    ) -> None:
        """Let a person's word stand for what was read, None takes it back; hold the clip, note something about it.

        Raises ClipNotFoundError, and ChangedError if the clip is not at the `revision` that is meant.
        Reading the file again, or another name for it, changes what was read and not the correction.
        """
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            old = connection.execute(FULL.where(clips.c.id == clip_id)).first()
            if old is None or old.state == ClipState.RETIRED:
                raise ClipNotFoundError(f"there is no clip {clip_id}")
            if revision is not None and not unchanged(old, revision):
                raise ChangedError(f"the clip is at revision {old.revision}, not {revision}")
            values = correction(old, camera=camera, start=start)
            if "started_ms" in values:
                read = {**old._mapping, **values}
                doubt_ms = self._database.doubt_ms
                values |= counting(read["started_ms"], old.arrived_ms, read["time_quality"], doubt_ms)
            if held is not msgspec.UNSET:
                values["held"] = int(held)
            if note is not msgspec.UNSET:
                values["note"] = note
            if "camera" in values:
                move_labels(connection, self._database.insert, old, values["camera"])
            if "camera" in values or "note" in values:
                after = {**old._mapping, **values}
                values["words"] = words_of(old.key, after["camera"], label_names(old), after["note"])
            connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(**values, revision=fresh))
            if old.labels is not None and "started_ms" in values:
                connection.execute(REDATE_LABELS, {"row": clip_id, "at": values["started_ms"]})
            sums = Sums()
            sums.take(old)
            sums.give({**old._mapping, **values})
            sums.write(connection, self._database.insert)

    def set_probe(
        self,
        clip_id: int,
        digest: str,
        *,
        media: str,
        duration_seconds: float | None,
        playable: Playable,
        playable_reason: str | None,
    ) -> bool:
        """Note what a decoder found in a `new` clip, which becomes ready; False if its content changed."""
        duration = length_ms(duration_seconds)
        values = {
            "state": "ready",
            "listed": 1,
            "media": json_text(media),
            "duration_ms": duration,
            "playable": playable,
            "playable_reason": optional(playable_reason),
        }
        return amend(self._database, clip_id, digest, values)

    def set_broken(self, clip_id: int, digest: str, error: str) -> bool:
        """Note why a clip cannot be used; False if its content changed meanwhile."""
        values = {"state": "broken", "listed": 1, "error": text(error), "playable": "no", "render_due": 0}
        return amend(self._database, clip_id, digest, values)
