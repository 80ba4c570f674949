"""What a question may say: the parameters that several addresses take, read and refused in one way."""

from __future__ import annotations

import re

from werkzeug.datastructures import MultiDict

from watcher.model import fields
from watcher.model.clip import LISTED_STATES, ClipFilter, ClipState, Light, Playable, Position, milliseconds
from watcher.model.errors import BadParameterError, ClipNotFoundError
from watcher.model.schemas import ClipShape
from watcher.model.search_words import words_in
from watcher.web.http import wire

LIMIT, LIMIT_MOST = 50, 500
WORDS_MOST = 10  # of a search
FILTERS = (
    "camera",
    "state",
    "from",
    "to",
    "label",
    "not_label",
    "min_confidence",
    "author",
    "unlabeled",
    "held",
    "playable",
    "light",
    "min_duration",
    "max_duration",
    "q",
    "seen",
)


def bounded(clip_id: int) -> int:
    """An id that a database can hold. Raises ClipNotFoundError for others."""
    if clip_id >= 1 << 62:
        raise ClipNotFoundError(f"there is no clip {clip_id}")
    return clip_id


def single(args: MultiDict[str, str], name: str, default: str) -> str:
    """The value of a parameter that may be given once."""
    values = args.getlist(name)
    if len(values) > 1:
        raise BadParameterError(name, f"{name} may be given once")
    return values[0] if values else default


def texts(args: MultiDict[str, str], name: str) -> tuple[str, ...]:
    """The values of a parameter that may be repeated, each once and none empty."""
    values = tuple(dict.fromkeys(args.getlist(name)))
    if "" in values:
        raise BadParameterError(name, f"{name} is empty")
    return values


def read_fields(args: MultiDict[str, str]) -> fields.Fields | None:
    """Which fields of each clip are asked for; None for all. Raises BadParameterError."""
    if "fields" not in args:
        return None
    try:
        return fields.read(single(args, "fields", ""), ClipShape)
    except fields.UnknownFieldError as reason:
        raise BadParameterError("fields", str(reason)) from None


def limit(args: MultiDict[str, str]) -> int:
    """How many clips a page may have."""
    text = single(args, "limit", str(LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LIMIT_MOST):
        raise BadParameterError("limit", f"limit={text!r} must be a whole number from 1 to {LIMIT_MOST}")
    return int(text)


def place(text: str, parameter: str) -> Position:
    """A place in the order of clips: a cursor, or a time. Raises BadParameterError."""
    if "T" in text and "-" in text and ":" in text:  # a cursor has no colon
        return Position(milliseconds(wire.moment(text, parameter)), 0)
    return wire.position(text, parameter)


def read_filter(args: MultiDict[str, str]) -> ClipFilter:
    """Which clips are asked for, whoever asks. Raises BadParameterError."""
    states = []
    for text in args.getlist("state"):
        if text not in set(ClipState):
            raise BadParameterError("state", f"state={text!r} must be one of {', '.join(ClipState)}")
        states.append(ClipState(text))
    playable = []
    for text in args.getlist("playable"):
        if text not in set(Playable):
            raise BadParameterError("playable", f"playable={text!r} must be one of {', '.join(Playable)}")
        playable.append(Playable(text))
    from_at = wire.moment(single(args, "from", ""), "from") if "from" in args else None
    to_at = wire.moment(single(args, "to", ""), "to") if "to" in args else None
    if from_at and to_at and milliseconds(from_at) >= milliseconds(to_at):
        raise BadParameterError("to", "to must be later than from")
    light = []
    for text in args.getlist("light"):
        if text not in set(Light):
            raise BadParameterError("light", f"light={text!r} must be one of {', '.join(Light)}")
        light.append(Light(text))
    unlabeled = yes_or_no(args, "unlabeled")
    text = single(args, "q", "")
    words = tuple(dict.fromkeys(words_in(text)))
    if "q" in args and not 1 <= len(words) <= WORDS_MOST:
        raise BadParameterError("q", f"q={text!r} must have 1 to {WORDS_MOST} words, of letters and digits")
    return ClipFilter(
        cameras=texts(args, "camera"),
        states=tuple(states) or LISTED_STATES,
        from_at=from_at,
        to_at=to_at,
        labels=texts(args, "label"),
        not_labels=texts(args, "not_label"),
        min_confidence=_share(args, "min_confidence"),
        author=_author(args),
        labeled=None if unlabeled is None else not unlabeled,
        held=yes_or_no(args, "held"),
        seen=yes_or_no(args, "seen"),
        playable=tuple(playable),
        light=tuple(light),
        min_seconds=_seconds(args, "min_duration"),
        max_seconds=_seconds(args, "max_duration"),
        words=words,
    )


def yes_or_no(args: MultiDict[str, str], name: str) -> bool | None:
    """True or false; None where it is not asked. Raises BadParameterError."""
    text = single(args, name, "")
    if name in args and text not in {"true", "false"}:
        raise BadParameterError(name, f"{name}={text!r} must be true or false")
    return text == "true" if text else None


def _seconds(args: MultiDict[str, str], name: str) -> float | None:
    text = single(args, name, "")
    if name in args and not re.fullmatch(r"\d{1,7}(?:\.\d{1,6})?", text, re.ASCII):
        raise BadParameterError(name, f"{name}={text!r} must be a number of seconds")
    return float(text) if text else None


def _share(args: MultiDict[str, str], name: str) -> float | None:
    text = single(args, name, "")
    if name in args and not re.fullmatch(r"(0(\.\d{1,6})?|1(\.0{1,6})?)", text, re.ASCII):
        raise BadParameterError(name, f"{name}={text!r} must be a number from 0 to 1")
    return float(text) if text else None


def _author(args: MultiDict[str, str]) -> str | None:
    text = single(args, "author", "")
    if "author" in args and not text:
        raise BadParameterError("author", "author is empty")
    return text or None
