"""The statements of lists, each part of them read along an index.

A statement depends on which kinds of restriction a question has, not on their values: it is built once per shape,
since building one anew costs more than running it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from watcher.catalog.light import LIGHT
from watcher.catalog.list_shape import Shape, several_of, shape_of, times_of, values_of
from watcher.catalog.rows import CLIP
from watcher.catalog.schema import ID_BITS, clip_words, clips, labels
from watcher.catalog.seen import id_text, is_one_of, is_seen
from watcher.model.clip import MODEL, ClipFilter, Position

_OTHER = labels.alias("other")  # beside the one that may lead a list
Statement = sa.Select[Any] | sa.CompoundSelect[Any]


def listing(
    clip_filter: ClipFilter,
    *,
    sqlite: bool,
    descending: bool,
    limit: int,
    position: Position | None = None,
    inclusive: bool = False,
    longest_ms: int = 0,
    mark: int = 0,
    ids: Sequence[int] | None = None,
) -> tuple[Statement, dict[str, Any]]:
    """The first `limit` clips in time order beyond a position: a statement and its values.

    `longest_ms` bounds the length of every clip; it matters for a filter with a `from`. `mark` and `ids` are what
    `seen.candidates` says, for a filter with `seen`.
    """
    several = several_of(clip_filter)
    values = (
        values_of(clip_filter, several, position, sqlite=sqlite)
        | times_of(clip_filter, longest_ms)
        | {"limit": limit}
    )
    if clip_filter.seen is not None:
        values |= {"person": clip_filter.person, "mark": mark}
        if ids is not None:
            values["ids"] = id_text(ids, sqlite=sqlite)
    few, placed = ids is not None, position is not None
    shape = shape_of(
        clip_filter, several, sqlite=sqlite, descending=descending, position=placed, inclusive=inclusive, few=few
    )
    statement, names = _statement(shape)
    return statement, {name: value for name, value in values.items() if name in names}


@lru_cache(maxsize=500)
def _statement(shape: Shape) -> tuple[Statement, frozenset[str]]:
    """The statement of a shape, and the names of its values.

    Several cameras or states are one ordered part each, merged by the database: reading any of them through
    one index would walk past everybody else's clips.
    """
    numbers = itertools.product(
        range(shape.cameras) or [None], range(len(shape.states)) or [None], range(shape.labels) or [None]
    )
    limit = _number("limit")
    order = _order(shape)
    order = [column.desc() for column in order] if shape.descending else order
    parts = [_part(shape, *number).order_by(*order).limit(limit) for number in numbers]
    if len(parts) == 1:
        return parts[0], frozenset(parts[0].compile().params)
    merge = sa.union if shape.labels > 1 else sa.union_all  # a clip may have several of the labels
    merged = merge(*(sa.select(part.subquery()) for part in parts)).subquery()
    started = merged.c.started_ms / sa.literal_column("1000") if _by_words(shape) else merged.c.started_ms
    columns = [started, merged.c.id]
    whole = sa.select(merged).order_by(*(c.desc() if shape.descending else c for c in columns)).limit(limit)
    return whole, frozenset(whole.compile().params)


def _part(shape: Shape, camera: int | None, state: int | None, label: int | None) -> sa.Select[Any]:
    """The clips of one camera, state and label, of each the number in the filter."""
    part = CLIP.where(*_conditions(shape))
    if state is None or shape.states[state]:  # so that most clips have the indexes of lists
        listed: Any = sa.literal_column("+clips.listed") if shape.few else clips.c.listed  # as for cameras
        part = part.where(listed == sa.literal_column("1"))
    if state is not None:
        part = part.where(clips.c.state == _text(f"state{state}"))
    if camera is not None:
        # Few clips are held: their own index is the one to walk, and this hides the one by camera.
        column = sa.func.coalesce(clips.c.camera, "") if shape.held or shape.few else clips.c.camera
        part = part.where(column == _text(f"camera{camera}"))
    if _by_words(shape):
        part = part.where(clips.c.id == _clip_of_row())
    if label is not None:
        part = part.where(labels.c.clip_id == clips.c.id, labels.c.name == _text(f"label{label}"))
        part = part.where(*_of_label(shape, labels))
    return part


def _number(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.Text)


def _by_words(shape: Shape) -> bool:
    """Whether SQLite's index of words leads: its rows are numbered in the order of time (see the schema).

    PostgreSQL chooses by itself between its index of words, where few clips have them, and the order of time.
    """
    return shape.words and shape.sqlite


def _clip_of_row() -> sa.ColumnElement[int]:
    return clip_words.c.rowid.op("&")(sa.literal_column(str((1 << ID_BITS) - 1)))


def _order(shape: Shape) -> list[Any]:
    if _by_words(shape):
        return [clip_words.c.rowid]
    if shape.labels:  # a label has an index of its own over the starts of its clips
        return [labels.c.started_ms, labels.c.clip_id]
    return [clips.c.started_ms, clips.c.id]


def _conditions(shape: Shape) -> list[sa.ColumnElement[bool]]:
    conditions = [_beyond(shape)] if shape.position else []
    if shape.words:
        conditions.append(_has_words(shape))
    if shape.seen is not None:
        conditions.append(is_seen() == sa.literal_column("1" if shape.seen else "0"))
        if shape.few:
            conditions.append(is_one_of(sqlite=shape.sqlite))
    if shape.not_labels:
        some = sa.or_(*(_OTHER.c.name == _text(f"not_label{n}") for n in range(shape.not_labels)))
        conditions.append(~_has_label(some))
    if not shape.labels and (of_any := _of_label(shape, _OTHER)):
        conditions.append(_has_label(*of_any))
    if shape.labeled is not None:
        conditions.append(clips.c.labels.is_not(None) if shape.labeled else clips.c.labels.is_(None))
    if shape.held is not None:  # as text: a bound value would not match the partial index
        conditions.append(sa.literal_column("clips.held") == sa.literal_column("1" if shape.held else "0"))
    if shape.playable:
        unknown = sa.case((clips.c.state == "broken", "no"), else_="maybe")
        verdict = sa.func.coalesce(clips.c.playable, unknown)
        conditions.append(sa.or_(*(verdict == _text(f"playable{n}") for n in range(shape.playable))))
    if shape.light:
        matches = sa.or_(*(_text(f"light{n}") == LIGHT for n in range(shape.light)))
        # PostgreSQL takes what equals something without statistics for rare: it would read and sort the table.
        conditions.append(sa.case((matches, sa.true()), else_=sa.false()))
    if shape.least:
        conditions.append(clips.c.duration_ms >= _number("least"))
    if shape.most:
        conditions.append(clips.c.duration_ms <= _number("most"))
    return conditions + _in_time(shape)


def _of_label(shape: Shape, table: Any) -> list[sa.ColumnElement[bool]]:
    """What is asked of a label besides its name: who says it, and how sure a model is."""
    conditions: list[sa.ColumnElement[bool]] = []
    if shape.author:
        conditions.append(table.c.author == _text("author"))
    if shape.models is not None:
        by_model = table.c.author.startswith(sa.literal_column(f"'{MODEL}'"))
        conditions.append(by_model if shape.models else ~by_model)
    if shape.confidence:
        conditions.append(sa.func.coalesce(table.c.confidence, 1.0) >= sa.bindparam("confidence", type_=sa.Float))
    return conditions


def _has_label(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether a clip has such a label; looked up by the clip, whatever leads the list."""
    return sa.exists().where(_OTHER.c.clip_id == clips.c.id, *conditions)


def _beyond(shape: Shape) -> sa.ColumnElement[bool]:
    """Rows on the far side of the position that a page begins at."""
    order = _order(shape)
    here: Any = order[0] if len(order) == 1 else sa.tuple_(*order)
    there: Any = _number("place")
    if len(order) > 1:
        there = sa.tuple_(_number("place_ms"), _number("place_id"))
    beyond: sa.ColumnElement[bool]
    if shape.inclusive:
        beyond = here <= there if shape.descending else here >= there
    else:
        beyond = here < there if shape.descending else here > there
    return beyond


def _in_time(shape: Shape) -> list[sa.ColumnElement[bool]]:
    """What overlaps the time asked for; with words also by the numbers of their rows, which their index has."""
    conditions: list[sa.ColumnElement[bool]] = []
    first = _order(shape)[0]
    started = clips.c.started_ms if _by_words(shape) else first
    if shape.to_at:
        conditions.append(started < _number("to"))
    if shape.from_at:
        conditions.append(started >= _number("earliest"))
        conditions.append(sa.or_(clips.c.ended_ms > _number("from"), started >= _number("from")))
    if _by_words(shape):
        if shape.to_at:
            conditions.append(first < _number("to_row"))
        if shape.from_at:
            conditions.append(first >= _number("earliest_row"))
    return conditions


def _has_words(shape: Shape) -> sa.ColumnElement[bool]:
    if shape.sqlite:
        return sa.text("clip_words MATCH :words").bindparams(_text("words"))  # type: ignore[return-value]
    # The left side exactly as it is indexed.
    vector = "array_to_tsvector(string_to_array(clips.words, ' '))"
    return sa.text(f"{vector} @@ CAST(:words AS tsquery)").bindparams(_text("words"))  # type: ignore[return-value]
