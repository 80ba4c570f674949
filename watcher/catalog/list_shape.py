"""What makes one list's statement differ from another's, and the values that a filter gives it."""

from __future__ import annotations

from typing import Any, NamedTuple

from watcher.catalog.schema import ID_BITS
from watcher.model.clip import LISTED_STATES, MODELS, PEOPLE, ClipFilter, ClipState, Position, milliseconds

SECOND_MOST = (1 << (63 - ID_BITS)) - 1  # of a row's number; in the year 2106

Several = dict[str, dict[str, None]]  # what a filter names any number of, each once


class Shape(NamedTuple):
    """What makes one list's statement differ from another's."""

    sqlite: bool
    descending: bool
    position: bool
    inclusive: bool
    cameras: int
    states: tuple[bool, ...]  # whether it is the one of most clips; empty: those that lists show by default
    labels: int
    not_labels: int
    author: bool  # by one of this name,
    models: bool | None  # by models, or by people
    confidence: bool
    playable: int
    light: int
    words: bool
    seen: bool | None
    few: bool  # of those that are seen or not, so that their ids are told
    labeled: bool | None
    held: bool | None
    least: bool
    most: bool
    from_at: bool
    to_at: bool


def several_of(clip_filter: ClipFilter) -> Several:
    """Cameras, states, labels and the like of a filter; no states where it asks for those that lists show."""
    default = frozenset(clip_filter.states) == frozenset(LISTED_STATES)
    return {
        "camera": dict.fromkeys(clip_filter.cameras),
        "state": {} if default else dict.fromkeys(clip_filter.states),
        "label": dict.fromkeys(clip_filter.labels),
        "not_label": dict.fromkeys(clip_filter.not_labels),
        "playable": dict.fromkeys(clip_filter.playable),
        "light": dict.fromkeys(clip_filter.light),
    }


def values_of(
    clip_filter: ClipFilter, several: Several, position: Position | None, *, sqlite: bool
) -> dict[str, Any]:
    """The values of a filter and a position by their names in a statement, but for those of time and of `seen`."""
    values: dict[str, Any] = {f"{name}{n}": value for name, some in several.items() for n, value in enumerate(some)}
    if clip_filter.min_confidence is not None:
        values["confidence"] = clip_filter.min_confidence
    if clip_filter.author is not None:
        values["author"] = clip_filter.author
    if position is not None:
        values |= {"place_ms": position.started_ms, "place_id": position.id}
        if clip_filter.words:
            values["place"] = _row(position.started_ms, position.id)
    if clip_filter.words:
        values["words"] = (" " if sqlite else " & ").join(
            f'"{w}"' if sqlite else f"'{w}'" for w in clip_filter.words
        )
    if clip_filter.min_seconds is not None:
        values["least"] = round(clip_filter.min_seconds * 1000)
    if clip_filter.max_seconds is not None:
        values["most"] = round(clip_filter.max_seconds * 1000)
    return values


def times_of(clip_filter: ClipFilter, longest_ms: int) -> dict[str, int]:
    """The values of a filter's bounds in time; `longest_ms` bounds the length of every clip."""
    values = {}
    if clip_filter.to_at is not None:
        values["to"] = milliseconds(clip_filter.to_at)
        values["to_row"] = _row(values["to"] + 2000, 0)  # a little wide: the exact bound stands beside it
    if clip_filter.from_at is not None:
        values["from"] = milliseconds(clip_filter.from_at)
        # Overlap asks for the end, which no index orders; but none that starts earlier than this can reach it.
        values["earliest"] = values["from"] - longest_ms
        values["earliest_row"] = _row(values["earliest"] - 1000, 0)
    return values


def shape_of(
    clip_filter: ClipFilter,
    several: Several,
    *,
    sqlite: bool,
    descending: bool,
    position: bool,
    inclusive: bool,
    few: bool,
) -> Shape:
    """The shape of a filter."""
    return Shape(
        sqlite=sqlite,
        descending=descending,
        position=position,
        inclusive=inclusive,
        cameras=len(several["camera"]),
        states=tuple(state == ClipState.READY for state in several["state"]),
        labels=len(several["label"]),
        not_labels=len(several["not_label"]),
        author=clip_filter.author is not None and clip_filter.author not in {MODELS, PEOPLE},
        models={MODELS: True, PEOPLE: False}.get(clip_filter.author or ""),
        confidence=clip_filter.min_confidence is not None,
        playable=len(several["playable"]),
        light=len(several["light"]),
        words=bool(clip_filter.words),
        seen=clip_filter.seen,
        few=few,
        labeled=clip_filter.labeled,
        held=clip_filter.held,
        least=clip_filter.min_seconds is not None,
        most=clip_filter.max_seconds is not None,
        from_at=clip_filter.from_at is not None,
        to_at=clip_filter.to_at is not None,
    )


def _row(started_ms: int, clip_id: int) -> int:
    second = int(started_ms / 1000)  # rounds towards 0, as the division in SQL
    return (max(-SECOND_MOST, min(second, SECOND_MOST)) << ID_BITS) + clip_id
