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


def several_of(wanted: ClipFilter) -> Several:
    """Cameras, states, labels and the like of a filter; no states where it asks for those that lists show."""
    default = frozenset(wanted.states) == frozenset(LISTED_STATES)
    return {
        "camera": dict.fromkeys(wanted.cameras),
        "state": {} if default else dict.fromkeys(wanted.states),
        "label": dict.fromkeys(wanted.labels),
        "not_label": dict.fromkeys(wanted.not_labels),
        "playable": dict.fromkeys(wanted.playable),
        "light": dict.fromkeys(wanted.light),
    }


def values_of(wanted: ClipFilter, several: Several, position: Position | None, *, sqlite: bool) -> dict[str, Any]:
    """The values of a filter and a position by their names in a statement, but for those of time and of `seen`."""
    values: dict[str, Any] = {f"{name}{n}": value for name, some in several.items() for n, value in enumerate(some)}
    if wanted.min_confidence is not None:
        values["confidence"] = wanted.min_confidence
    if wanted.author is not None:
        values["author"] = wanted.author
    if position is not None:
        values |= {"place_ms": position.started_ms, "place_id": position.id}
        if wanted.words:
            values["place"] = _row(position.started_ms, position.id)
    if wanted.words:
        values["words"] = (" " if sqlite else " & ").join(f'"{w}"' if sqlite else f"'{w}'" for w in wanted.words)
    if wanted.min_seconds is not None:
        values["least"] = round(wanted.min_seconds * 1000)
    if wanted.max_seconds is not None:
        values["most"] = round(wanted.max_seconds * 1000)
    return values


def times_of(wanted: ClipFilter, longest_ms: int) -> dict[str, int]:
    """The values of a filter's bounds in time; `longest_ms` bounds the length of every clip."""
    values = {}
    if wanted.to_at is not None:
        values["to"] = milliseconds(wanted.to_at)
        values["to_row"] = _row(values["to"] + 2000, 0)  # a little wide: the exact bound stands beside it
    if wanted.from_at is not None:
        values["from"] = milliseconds(wanted.from_at)
        # Overlap asks for the end, which no index orders; but none that starts earlier than this can reach it.
        values["earliest"] = values["from"] - longest_ms
        values["earliest_row"] = _row(values["earliest"] - 1000, 0)
    return values


def shape_of(
    wanted: ClipFilter,
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
        author=wanted.author is not None and wanted.author not in {MODELS, PEOPLE},
        models={MODELS: True, PEOPLE: False}.get(wanted.author or ""),
        confidence=wanted.min_confidence is not None,
        playable=len(several["playable"]),
        light=len(several["light"]),
        words=bool(wanted.words),
        seen=wanted.seen,
        few=few,
        labeled=wanted.labeled,
        held=wanted.held,
        least=wanted.min_seconds is not None,
        most=wanted.max_seconds is not None,
        from_at=wanted.from_at is not None,
        to_at=wanted.to_at is not None,
    )


def _row(started_ms: int, clip_id: int) -> int:
    second = int(started_ms / 1000)  # rounds towards 0, as the division in SQL
    return (max(-SECOND_MOST, min(second, SECOND_MOST)) << ID_BITS) + clip_id
