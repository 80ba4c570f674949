"""Which clips who has seen: a mark in the order in which clips became ready, and the exceptions on both its sides.

A row for each person and clip would be too dear: of a million clips most were there before somebody came, or are
seen by one press of a button. A clip whose content is another one is to be seen again: an exception is of one
content, which the revision at which it became ready tells. What never became ready (a broken file) is unseen until
there is a mark, and seen from then on. No word of this moves the feed: what others see stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.reader import Ask
from watcher.catalog.rows import COUNTER
from watcher.catalog.schema import clips, seen, seen_marks
from watcher.model.clip import ClipState, milliseconds, moment
from watcher.model.errors import ClipNotFoundError

FEW = 2000  # clips on one side of the mark that are looked up by their ids; beyond that lists are walked by time
EXCEPTIONS_MOST = 500  # of one person, before their mark is moved up to where they have seen everything
PERSONS_MOST = 1000  # remembered; whoever said something longest ago is forgotten


class Mark(NamedTuple):
    """How far somebody has seen everything."""

    until_revision: int = 0
    marked_at: datetime | None = None  # when the mark was moved last; None: never
    version: int = 0  # grows with every word of theirs


class Word(NamedTuple):
    """Of a clip that is not as the mark says."""

    clip_id: int
    seen: bool


_READY = sa.func.coalesce(clips.c.ready_revision, sa.literal_column("1"))
_PERSON = sa.bindparam("person", type_=sa.Text)
_MARK = sa.bindparam("mark", type_=sa.BigInteger)
_MARK_OF = sa.select(seen_marks.c.until_revision, seen_marks.c.marked_ms, seen_marks.c.version).where(
    seen_marks.c.person == _PERSON
)
_EXCEPTIONS = (
    sa.select(seen.c.clip_id, seen.c.seen, clips.c.camera)
    .join(clips, clips.c.id == seen.c.clip_id)
    .where(seen.c.person == _PERSON, seen.c.ready_revision == _READY)
    .order_by(seen.c.clip_id)
    .limit(FEW)
)
_READY_SINCE = (
    sa.select(clips.c.id).where(clips.c.ready_revision > _MARK).order_by(clips.c.ready_revision).limit(FEW + 1)
)
_SEEN_ALL_THE_SAME = sa.select(seen.c.clip_id).where(seen.c.person == _PERSON, seen.c.seen == 1).limit(FEW + 1)
_UNSEEN_ALL_THE_SAME = sa.select(seen.c.clip_id).where(seen.c.person == _PERSON, seen.c.seen == 0).limit(FEW + 1)


def is_seen() -> sa.ColumnElement[int]:
    """1 of a clip that `person`, whose mark is `mark`, has seen, else 0."""
    word = (
        sa.select(seen.c.seen)
        .where(seen.c.person == _PERSON, seen.c.clip_id == clips.c.id, seen.c.ready_revision == _READY)
        .scalar_subquery()
    )
    by_mark = sa.case((_READY > _MARK, sa.literal_column("0")), else_=sa.literal_column("1"))
    return sa.func.coalesce(word, by_mark)


def candidates(ask: Ask, person: str, mark: int, *, seen_only: bool) -> list[int] | None:
    """The ids of the clips that can be seen, or unseen, where they are few; None for many."""
    if seen_only and mark > 0:
        return None
    rows = ask(_SEEN_ALL_THE_SAME if seen_only else _UNSEEN_ALL_THE_SAME, {"person": person})
    if not seen_only:
        if mark == 0:
            return None
        rows = rows + ask(_READY_SINCE, {"mark": mark})
    return None if len(rows) > FEW else sorted({int(row[0]) for row in rows})


class SeenClips:
    """What people have seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, person: str) -> Mark:
        """How far somebody has seen everything."""
        with self._database.reading() as ask:
            return mark_of(ask, person)

    def exceptions(self, person: str, cameras: Sequence[str] | None = None) -> list[Word]:
        """The clips (of some cameras) that are not as their mark says, by id; of very many the first 2,000."""
        with self._database.reading() as ask:
            rows = ask(_EXCEPTIONS, {"person": person})
        return [Word(int(row[0]), bool(row[1])) for row in rows if cameras is None or row[2] in cameras]

    def count_unseen(self, person: str, cameras: Sequence[str] | None = None) -> tuple[int, bool]:
        """How many listed clips somebody has not seen, and whether there are more than were looked at."""
        with self._database.reading() as ask:
            mark = mark_of(ask, person).until_revision
            ids = candidates(ask, person, mark, seen_only=False)
            values: dict[str, Any] = {"person": person, "mark": mark}
            if ids is not None:
                values["ids"] = id_text(ids, sqlite=self._database.engine.dialect.name == "sqlite")
            sides = "few" if ids is not None else "since" if mark else "all"
            count = None if cameras is None else len(cameras)
            statement = _unseen(self._database.engine.dialect.name == "sqlite", sides, count)
            values |= {f"camera{n}": camera for n, camera in enumerate(cameras or ())}
            unseen = len(ask(statement, values))
        return min(unseen, FEW), unseen > FEW

    def set_mark(self, person: str, until_revision: int, *, now: datetime) -> None:
        """All that was ready at a revision is seen. The mark never moves back: another tab knows less, no more."""
        with self._database.write() as connection:
            mark = self._mark(connection, person, now)
            head = connection.execute(COUNTER, {"counter": "revision"}).scalar_one()
            upto = min(until_revision, head)
            gone = sa.delete(seen).where(seen.c.person == person, seen.c.ready_revision <= upto)
            connection.execute(gone)
            self._note(connection, person, mark, now, until=max(mark.until_revision, upto), marked=True)

    def set(self, person: str, clip_id: int, *, yes: bool, now: datetime) -> None:
        """Say that somebody has seen a clip, or has not. Raises ClipNotFoundError."""
        with self._database.write() as connection:
            clip = connection.execute(sa.select(clips.c.state, _READY).where(clips.c.id == clip_id)).first()
            if clip is None or clip[0] == ClipState.RETIRED:
                raise ClipNotFoundError(f"there is no clip {clip_id}")
            mark, ready = self._mark(connection, person, now), int(clip[1])
            if yes == (ready <= mark.until_revision):  # the mark says so
                mine = (seen.c.person == person, seen.c.clip_id == clip_id)
                connection.execute(sa.delete(seen).where(*mine))
            else:
                values = {"ready_revision": ready, "seen": int(yes)}
                row = self._database.insert(seen).values(person=person, clip_id=clip_id, **values)
                connection.execute(row.on_conflict_do_update(index_elements=["person", "clip_id"], set_=values))
            until = self._moved_up(connection, person, mark.until_revision) if yes else mark.until_revision
            self._note(connection, person, mark, now, until=until, marked=False)

    # — inside —

    def _mark(self, connection: sa.Connection, person: str, now: datetime) -> Mark:
        """Somebody's mark, theirs alone until the transaction ends: two of their tabs take turns."""
        row = self._database.insert(seen_marks).values(
            person=person, until_revision=0, version=0, used_ms=milliseconds(now)
        )
        connection.execute(row.on_conflict_do_nothing(index_elements=["person"]))
        return to_mark(connection.execute(_MARK_OF.with_for_update(), {"person": person}).one())

    def _note(
        self, connection: sa.Connection, person: str, mark: Mark, now: datetime, *, until: int, marked: bool
    ) -> None:
        at = milliseconds(now)
        before_ms = None if mark.marked_at is None else milliseconds(mark.marked_at)
        values = {
            "until_revision": until,
            "marked_ms": at if marked else before_ms,
            "version": mark.version + 1,
            "used_ms": at,
        }
        connection.execute(sa.update(seen_marks).where(seen_marks.c.person == person).values(values))
        if mark.version == 0:
            self._forget_eldest(connection)

    def _moved_up(self, connection: sa.Connection, person: str, mark: int) -> int:
        """The mark of somebody with many exceptions, moved up to where they have not seen something."""
        mine = seen.c.person == person
        some = connection.execute(sa.select(sa.func.count()).where(mine, seen.c.seen == 1)).scalar_one()
        if some <= EXCEPTIONS_MOST:
            return mark
        word = sa.exists().where(
            mine, seen.c.clip_id == clips.c.id, seen.c.seen == 1, seen.c.ready_revision == _READY
        )
        first = sa.select(clips.c.ready_revision).where(clips.c.ready_revision > mark, clips.c.listed == 1, ~word)
        unseen = connection.execute(first.order_by(clips.c.ready_revision).limit(1)).scalar()
        head = connection.execute(COUNTER, {"counter": "revision"}).scalar_one()
        upto = head if unseen is None else unseen - 1
        connection.execute(sa.delete(seen).where(mine, seen.c.seen == 1, seen.c.ready_revision <= upto))
        return max(mark, int(upto))

    def _forget_eldest(self, connection: sa.Connection) -> None:
        eldest = sa.select(seen_marks.c.person).order_by(seen_marks.c.used_ms.desc()).offset(PERSONS_MOST)
        for person in list(connection.execute(eldest).scalars()):
            forget(connection, person)


@lru_cache(maxsize=50)
def _unseen(sqlite: bool, sides: str, cameras: int | None) -> sa.Select[Any]:
    """A row for each listed clip that somebody has not seen, up to a number: of few by their ids."""
    few = sides == "few"
    listed: Any = sa.literal_column("+clips.listed" if few else "clips.listed")  # their ids are the way to few
    select: Any = sa.select(sa.literal_column("1")).select_from(clips).where(listed == sa.literal_column("1"))
    select = select.where(is_seen() == sa.literal_column("0"))
    if few:
        select = select.where(is_one_of(sqlite=sqlite))
    elif sides == "since":
        select = select.where(clips.c.ready_revision > _MARK)
    else:
        select = select.order_by(clips.c.started_ms.desc())
    if cameras is not None:
        named = [sa.bindparam(f"camera{n}", type_=sa.Text) for n in range(cameras)]
        select = select.where(sa.func.coalesce(clips.c.camera, "").in_(named))
    return select.limit(FEW + 1)  # type: ignore[no-any-return]


def mark_of(ask: Ask, person: str) -> Mark:
    """How far somebody has seen everything, as one reading finds it."""
    rows = ask(_MARK_OF, {"person": person})
    return to_mark(rows[0]) if rows else Mark()


def to_mark(row: Any) -> Mark:
    """A row of `seen_marks`."""
    return Mark(int(row[0]), None if row[1] is None else moment(row[1]), int(row[2]))


def forget(connection: sa.Connection, person: str) -> None:
    """Remove all that is known of what somebody has seen."""
    for table in (seen, seen_marks):
        connection.execute(sa.delete(table).where(table.c.person == person))


def id_text(ids: Sequence[int], *, sqlite: bool) -> str:
    """Ids as one value that a statement takes."""
    text = ",".join(map(str, ids))
    return f"[{text}]" if sqlite else f"{{{text}}}"


def is_one_of(*, sqlite: bool) -> sa.ColumnElement[bool]:
    """Of clips whose ids are in `ids`."""
    ids = sa.bindparam("ids", type_=sa.Text)
    if sqlite:
        return sa.text("clips.id IN (SELECT value FROM json_each(:ids))").bindparams(ids)  # type: ignore[return-value]
    return sa.text("clips.id = ANY(CAST(:ids AS bigint[]))").bindparams(ids)  # type: ignore[return-value]
