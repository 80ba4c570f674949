"""What a model is to look at, and what it has seen.

    ready ─▶ a row waits ─▶ somebody's claim ─▶ labels, and the row is done, in one transaction

Rows come from two sides. Clips that become ready are followed by `ready_revision`, as webhooks do: their rows
and the place up to which was read are written together. What was there before is walked once, the newest first,
some at a time; where that walk is stands in the same fact. A crash leaves a row that is not done, or a place before
which nothing is lost: no clip is left out, and one that is looked at again says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.label_counts import labels_in, write_labels
from watcher.catalog.rendition_names import PICTURE
from watcher.catalog.rows import FULL, rendered
from watcher.catalog.schema import claims, clips, counters, facts, inspections, refusals
from watcher.model.clip import MODEL, ClipState, Label, Sight, milliseconds
from watcher.model.sight import Seen

FACT = "labels"
WAITING_MOST = 400  # rows that wait for a model, beyond which none are added
AWAY_MS = 600_000  # until a clip is looked for again that is not there
NEAR, NEAR_MS = 5, 86_400_000  # clips of a camera, before and after one, that tell what stood there all the time
HEAD = sa.select(counters.c.value).where(counters.c.name == "revision")


class Progress(msgspec.Struct, frozen=True):
    """How far a model has come; a fact of the catalog."""

    model: str
    ready: int  # `ready_revision` up to which clips have rows
    before: tuple[int, int] | None  # start and id, from which on older clips have none yet; None: all have


class Uninspected(NamedTuple):
    """A clip that waits for a model."""

    id: int
    key: str
    camera: str
    digest: str
    media: str | None  # MediaInfo as JSON
    picture: str | None  # key of the camera's own picture
    started_ms: int
    duration_ms: int | None
    tries: int


class ModelLabel(NamedTuple):
    """A label that a model would give a clip."""

    name: str
    confidence: float
    sight: Sight


class Inspections:
    """What is known of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def progress(self) -> Progress | None:
        """How far a model has come; None before the first one has begun."""
        with self._database.engine.connect() as connection:
            return _progress(connection)

    def fill(self, model: str, limit: int, *, old: bool, now: datetime) -> int:
        """Give rows to some clips that have none of this model; how many. `old`: also to those from before it.

        A model that is another one than before begins with all clips as old ones.
        """
        with (
            self._database.engine.connect() as connection
        ):  # most times there is nothing: look before taking the lock
            progress = _progress(connection)
            newest = connection.execute(sa.select(sa.func.max(clips.c.ready_revision))).scalar() or 0
        same = progress is not None and progress.model == model
        if progress is not None and same and newest <= progress.ready and not (old and progress.before):
            return 0
        with self._database.write() as connection:
            self._database.revisions(connection, 0)  # whoever asks at the same time waits here, on both engines
            progress = _progress(connection)
            if progress is None or progress.model != model:
                progress = Progress(model, connection.execute(HEAD).scalar_one(), (1 << 62, 0))
            room = min(limit, WAITING_MOST - _waiting(connection, milliseconds(now)))
            count = 0
            if room > 0:
                progress, count = self._follow(connection, progress, room)
            if old and room > count and progress.before is not None:
                progress, more = self._walk(connection, progress, room - count)
                count += more
            fact = self._database.insert(facts).values(name=FACT, value=msgspec.json.encode(progress).decode())
            connection.execute(
                fact.on_conflict_do_update(index_elements=["name"], set_={"value": fact.excluded.value})
            )
        return count

    def forget(self) -> None:
        """Have all clips looked at anew: some rows at a time, the place of the walk last, so none is left out."""
        some, count = sa.select(inspections.c.clip_id).limit(WAITING_MOST), 1
        while count:
            with self._database.write() as connection:
                count = connection.execute(sa.delete(inspections).where(inspections.c.clip_id.in_(some))).rowcount
        with self._database.write() as connection:
            connection.execute(sa.delete(facts).where(facts.c.name == FACT))

    def _follow(self, connection: sa.Connection, progress: Progress, limit: int) -> tuple[Progress, int]:
        """Clips that became ready, in that order."""
        some = _UNINSPECTED.where(clips.c.ready_revision > progress.ready).order_by(clips.c.ready_revision)
        rows = connection.execute(some.limit(limit)).fetchall()
        self._want(connection, progress.model, rows, old=0)
        last = rows[-1].ready_revision if rows else progress.ready
        return msgspec.structs.replace(progress, ready=last), len(rows)

    def _walk(self, connection: sa.Connection, progress: Progress, limit: int) -> tuple[Progress, int]:
        """Clips from before, the newest first."""
        assert progress.before is not None  # nosec B101  # noqa: S101 - for the type checker
        started, clip_id = progress.before
        before = (clips.c.started_ms < started) | ((clips.c.started_ms == started) & (clips.c.id < clip_id))
        some = _UNINSPECTED.where(clips.c.listed == sa.literal_column("1"), clips.c.started_ms <= started, before)
        some = some.order_by(clips.c.started_ms.desc(), clips.c.id.desc())
        rows = connection.execute(some.limit(limit)).fetchall()
        self._want(connection, progress.model, [row for row in rows if row.state == ClipState.READY], old=1)
        place = (rows[-1].started_ms, rows[-1].id) if len(rows) == limit else None
        return msgspec.structs.replace(progress, before=place), len(rows)

    def _want(self, connection: sa.Connection, model: str, rows: Sequence[Any], *, old: int) -> None:
        if not rows:
            return
        fresh = {"model": model, "old": old, "due_ms": 0, "tries": 0, "done_ms": None, "error": None}
        put = self._database.insert(inspections)
        names = [*fresh, "digest", "started_ms"]
        other = (inspections.c.digest != put.excluded.digest) | (inspections.c.model != put.excluded.model)
        put = put.on_conflict_do_update(
            index_elements=["clip_id"], set_={name: put.excluded[name] for name in names}, where=other
        )
        own = [{"clip_id": row.id, "digest": row.digest, "started_ms": row.started_ms, **fresh} for row in rows]
        connection.execute(put, own)

    def claim(
        self, owner: str, limit: int, *, until: datetime, now: datetime, exclude: Sequence[int] = ()
    ) -> list[Uninspected]:
        """Clips that wait, live ones first, the newest first; they are this owner's until a moment.

        Not before a clip has its poster. One that is not there is looked for again later.
        """
        at = milliseconds(now)
        taken = sa.exists().where(claims.c.clip_id == clips.c.id, claims.c.until_ms > at)
        select = (
            _WAITING.where(inspections.c.due_ms <= at, ~taken, clips.c.id.not_in(exclude))
            .order_by(inspections.c.old, inspections.c.started_ms.desc(), inspections.c.clip_id.desc())
            .limit(limit)
        )
        with (
            self._database.engine.connect() as connection
        ):  # most times there is nothing: look before taking the lock
            if connection.execute(select).first() is None:
                return []
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            connection.execute(sa.delete(claims).where(claims.c.until_ms <= at))
            rows = connection.execute(select).fetchall()
            jobs = [Uninspected(*row[:-1]) for row in rows if row.state == ClipState.READY]
            if away := [row.id for row in rows if row.state != ClipState.READY]:
                later = sa.update(inspections).where(inspections.c.clip_id.in_(away))
                connection.execute(later.values(due_ms=at + AWAY_MS))
            if jobs:
                mine = [{"clip_id": job.id, "owner": owner, "until_ms": milliseconds(until)} for job in jobs]
                connection.execute(claims.insert(), mine)
        return jobs

    def set_done(
        self,
        job: Uninspected,
        model: str,
        labels: Sequence[ModelLabel],
        seen: Sequence[Seen],
        still: Sequence[Seen],
        *,
        now: datetime,
    ) -> bool:
        """Give a clip the labels of a model in place of those it had of any, and note that it is done.

        What a person said stays, and what a person refused does not come back. Nothing, and False, if the clip has
        another content by now, or is gone.
        """
        at = milliseconds(now)
        with self._database.write() as connection:
            fresh = self._database.revisions(connection, 1) + 1
            clip = connection.execute(FULL.where(clips.c.id == job.id, clips.c.digest == job.digest)).first()
            if clip is None or clip.state == ClipState.RETIRED:
                return False
            done = {"done_ms": at, "error": None, "seen": _json(seen), "still": _json(still)}
            mine = (inspections.c.clip_id == job.id) & (inspections.c.digest == job.digest)
            if not connection.execute(sa.update(inspections).where(mine).values(done)).rowcount:
                return False
            refused = set(
                connection.execute(sa.select(refusals.c.name).where(refusals.c.clip_id == job.id)).scalars()
            )
            before = labels_in(clip)
            after = {name: label for name, label in before.items() if not label.by_model}
            for label in labels:
                if label.name not in refused and label.name not in after:
                    after[label.name] = _unless_same(
                        before.get(label.name), Label(label.name, MODEL + model, label.confidence, at, label.sight)
                    )
            write_labels(connection, self._database.insert, clip, after, rendered(fresh))
        return True

    def retry(self, job: Uninspected, error: str, *, tries: int, due: datetime) -> None:
        """Let a clip wait until a moment; it was tried so often in vain."""
        self._of(job, {"tries": tries, "due_ms": milliseconds(due), "error": error})

    def set_error(self, job: Uninspected, error: str, *, now: datetime) -> None:
        """A model cannot look at a clip, for this reason; it is not tried again."""
        self._of(job, {"done_ms": milliseconds(now), "tries": job.tries + 1, "error": error})

    def _of(self, job: Uninspected, values: dict[str, Any]) -> None:
        mine = (inspections.c.clip_id == job.id) & (inspections.c.digest == job.digest)
        with self._database.write() as connection:
            connection.execute(sa.update(inspections).where(mine).values(values))

    def still_near(self, job: Uninspected) -> list[Seen]:
        """What did not move on the clips of the same camera just before and after one, within a day."""
        things: list[Seen] = []
        of_camera = (clips.c.camera == job.camera) & (clips.c.listed == sa.literal_column("1"))
        with self._database.engine.connect() as connection:
            for after in (False, True):
                side = clips.c.started_ms
                bounds = (
                    (side > job.started_ms, side < job.started_ms + NEAR_MS)
                    if after
                    else (side < job.started_ms, side > job.started_ms - NEAR_MS)
                )
                near = sa.select(clips.c.id).where(of_camera, *bounds)
                near = near.order_by(side if after else side.desc()).limit(NEAR)
                select = sa.select(inspections.c.still).where(
                    inspections.c.clip_id.in_(near.subquery().select()), inspections.c.still.is_not(None)
                )
                for text in connection.execute(select).scalars():
                    things += msgspec.json.decode(text, type=list[Seen])
        return things

    def left(self) -> tuple[int, int]:
        """How many clips wait for a model, and how many of them were there before it; reads an index, so rarely."""
        progress = self.progress()
        with self._database.engine.connect() as connection:
            waiting = sa.select(inspections.c.old, sa.func.count()).where(sa.text("done_ms IS NULL"))
            by_age: dict[int, int] = {
                row[0]: row[1] for row in connection.execute(waiting.group_by(inspections.c.old))
            }
            older = 0
            if progress is not None and progress.before is not None:
                some = sa.select(sa.func.count()).select_from(clips).where(clips.c.listed == sa.literal_column("1"))
                older = connection.execute(some.where(clips.c.started_ms < progress.before[0])).scalar_one()
        old = by_age.get(1, 0) + older
        return by_age.get(0, 0) + old, old


_UNINSPECTED = sa.select(
    clips.c.id, clips.c.digest, clips.c.started_ms, clips.c.state, clips.c.ready_revision
).where(clips.c.state != ClipState.RETIRED)

_OF_CLIP = ("id", "key", "camera", "digest", "media", "picture", "started_ms", "duration_ms")
_WAITING = (
    sa.select(*(clips.c[name] for name in _OF_CLIP), inspections.c.tries, clips.c.state)
    .join(clips, clips.c.id == inspections.c.clip_id)
    .where(sa.text("inspections.done_ms IS NULL"))  # as text: so the partial index matches
    .where(clips.c.digest == inspections.c.digest, clips.c.render_due != PICTURE)
)


def _unless_same(old: Label | None, new: Label) -> Label:
    """The old one where the new one says the same at another time."""
    return old if old is not None and msgspec.structs.replace(new, at_ms=old.at_ms) == old else new


def _progress(connection: sa.Connection) -> Progress | None:
    text = connection.execute(sa.select(facts.c.value).where(facts.c.name == FACT)).scalar()
    return None if text is None else msgspec.json.decode(text, type=Progress)


def _waiting(connection: sa.Connection, at: int) -> int:
    some = sa.select(inspections.c.clip_id).where(sa.text("done_ms IS NULL"), inspections.c.due_ms <= at)
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(some.limit(WAITING_MOST).subquery())).scalar_one()
    )


def _json(seen: Sequence[Seen]) -> str | None:
    return msgspec.json.encode(seen).decode() if seen else None
