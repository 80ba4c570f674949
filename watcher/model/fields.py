"""A part of an answer: the fields that are asked for by name, those within others by a dotted path."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

Fields = dict[str, "Fields | None"]  # None: all of it


class UnknownFieldError(ValueError):
    """A path that leads to nothing; its text is a sentence."""


def read(text: str, kind: type[msgspec.Struct]) -> Fields:
    """The fields that a text such as `id,media.video.codec` names, of a kind of answer. Raises UnknownFieldError.

    >>> from watcher.model.schemas import ClipShape
    >>> read("id,labels.name,media,media.video", ClipShape)
    {'id': None, 'labels': {'name': None}, 'media': None}
    """
    fields: Fields = {}
    for path in text.split(","):
        names: Fields | None = _fields(kind)
        place: Fields | None = fields
        *ways, last = path.split(".")
        for name in (*ways, last):
            if not names or name not in names:
                there = f"there are {', '.join(names)}" if names else "it has no parts"
                raise UnknownFieldError(f"there is no field {path!r}: {there}")
            names = names[name]
        for name in ways:
            if place is not None:
                place = place.setdefault(name, {})
        if place is not None:  # else more of it is asked for already
            place[last] = None
    return fields


def pick(value: Any, fields: Fields | None) -> Any:
    """The fields of an answer; of a list those of each that is in it. What is missing there is missing here."""
    if fields is None or value is None:
        return value
    if isinstance(value, list):
        return [pick(item, fields) for item in value]
    if isinstance(value, msgspec.Raw):  # it is JSON already
        value = msgspec.json.decode(value)
    if isinstance(value, dict):
        return {name: pick(value[name], more) for name, more in fields.items() if name in value}
    kind: Any = type(value)
    names = _names(kind)
    parts = ((name, getattr(value, names[name]), more) for name, more in fields.items())
    return {name: pick(part, more) for name, part, more in parts if part is not msgspec.UNSET}


@lru_cache
def _names(kind: Any) -> dict[str, str]:
    """The attribute of each field."""
    return {field.encode_name: field.name for field in msgspec.structs.fields(kind)}


@lru_cache
def _fields(kind: Any) -> Fields:
    """All fields of a kind of answer, with those within them."""
    return _within(msgspec.inspect.type_info(kind)) or {}


def _within(kind: msgspec.inspect.Type) -> Fields | None:
    if isinstance(kind, msgspec.inspect.StructType):
        return {field.encode_name: _within(field.type) for field in kind.fields}
    if isinstance(kind, msgspec.inspect.ListType):
        return _within(kind.item_type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return next((inner for kind_ in kind.types if (inner := _within(kind_)) is not None), None)
    return None
