"""The words of naming presets: patterns, time bases, roles, and what is bound to folders and cameras."""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from watcher.naming.template import Template, TemplateError

PICTURE_SUFFIXES = frozenset({"jpg", "jpeg"})


class Base(enum.StrEnum):
    """What the numbers in a name count."""

    LOCAL = "local"  # the clock on the wall of the camera's zone
    UTC = "utc"
    OFFSET = "offset"  # the name says how far from UTC (%z)
    EPOCH = "epoch"  # seconds since 1970 (%s)
    NONE = "none"  # the name tells the camera and no time


class Role(enum.StrEnum):
    """What a file is to us."""

    CLIP = "clip"
    POSTER = "poster"  # a picture that becomes the poster of the clip of its time
    IGNORE = "ignore"


AHEAD_MOST = 20 * 365 * 86400  # seconds: no clock that runs is further off
Ahead = Annotated[float, msgspec.Meta(ge=-AHEAD_MOST, le=AHEAD_MOST)]


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way of naming files."""

    name: str
    paths: tuple[str, ...]  # patterns; see `template.py`
    base: Base = Base.LOCAL
    role: Role = Role.CLIP
    suffixes: tuple[str, ...] = ()  # only files with one of these; empty: any
    first_channel: Annotated[int, msgspec.Meta(ge=0, le=9999)] = (
        1  # the channel that does not show in the camera's name
    )
    automatic: bool = True  # false: only where a folder or a camera is bound to it
    example: str = ""  # a key that it reads; checked

    @property
    def of_pictures(self) -> bool:
        """Whether it is about JPEGs alone."""
        return bool(self.suffixes) and PICTURE_SUFFIXES.issuperset(self.suffixes)


class Folder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for everything below a folder."""

    path: str  # below the video root
    preset: str = ""
    camera: str = ""  # a name, in which {camera} stands for what was read
    timezone: str = ""  # IANA zone
    base: Base | None = None  # in place of the preset's
    clock_ahead_seconds: Ahead = 0.0  # the camera's clock is so far ahead (behind if negative); taken off


class Camera(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for one camera."""

    name: str
    preset: str = ""
    timezone: str = ""
    base: Base | None = None
    clock_ahead_seconds: Ahead = 0.0


class NamingError(ValueError):
    """A preset or a binding makes no sense; `place` names its table, `number` which of them, counted from 0."""

    def __init__(self, place: str, number: int, field: str, detail: str) -> None:
        super().__init__(detail)
        self.place, self.number, self.field = place, number, field


@cache
def shipped() -> tuple[Preset, ...]:
    """The presets that come with watcher, in order."""
    text = resources.files("watcher.naming").joinpath("presets.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["preset"], tuple[Preset, ...])


@cache
def shipped_rules() -> tuple[tuple[Preset, Template], ...]:
    """Every pattern of the presets that come with watcher, in order."""
    return tuple((preset, template) for preset in shipped() for template in compiled(preset))


def compiled(preset: Preset) -> Iterator[Template]:
    """The patterns of a preset, checked. Raises TemplateError."""
    if not preset.paths:
        raise TemplateError("it cannot match: it has no pattern")
    read = False
    for text in preset.paths:
        template = Template(text)
        check_base(template, preset.base)
        read = read or bool(preset.example and template.match(stem_of(preset.example)))
        yield template
    if preset.example and not read:
        raise TemplateError(f"it does not match its own example {preset.example!r}")


def check_base(template: Template, base: Base) -> None:
    """Raise TemplateError unless a pattern reads what a time base needs."""
    start, end = template.directives, template.end_directives
    if base is Base.NONE:
        return
    if base is Base.EPOCH:
        if "s" not in start | end:
            raise TemplateError(f'it cannot match: base "epoch" needs %s in {template.text!r}')
        return
    if base is Base.OFFSET and "z" not in start | end:
        raise TemplateError(f'it cannot match: base "offset" needs %z in {template.text!r}')
    for part in (start, end):
        if {"m", "d"} <= part and {"Y", "y"} & part and {"H", "I"} & part:
            return
    raise TemplateError(
        f'it cannot match: no start in {template.text!r}; a time needs year, month, day and hour, or base "none"'
    )


def refuse_doubles(presets: Sequence[Preset]) -> None:
    """Refuse presets that are named like another one, or can never match since another one always does."""
    seen: dict[str, str] = {}
    names = {preset.name for preset in shipped()}
    for number, preset in enumerate(presets):
        if preset.name in names:
            raise NamingError("presets", number, "name", f"there is already a preset named {preset.name!r}")
        names.add(preset.name)
        for text in preset.paths:
            if text in seen and not preset.suffixes and preset.automatic:
                raise NamingError(
                    "presets", number, "paths", f"it cannot match: {seen[text]!r} before it has the same pattern"
                )
            seen.setdefault(text, preset.name)


def check_binding(
    place: str, number: int, binding: Folder | Camera, rules: Sequence[tuple[Preset, Template]]
) -> None:
    """Refuse a binding to a preset or a zone that there is not, or with a base that its names cannot tell."""
    try:
        ZoneInfo(binding.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        detail = f"{binding.timezone!r} is no IANA zone, such as 'Europe/Berlin'"
        raise NamingError(place, number, "timezone", detail) from None
    templates = [template for preset, template in rules if preset.name == binding.preset]
    if binding.preset and not templates:
        raise NamingError(place, number, "preset", f"there is no preset {binding.preset!r}")
    if binding.base in {Base.EPOCH, Base.OFFSET} and not binding.preset:
        raise NamingError(place, number, "base", f"base {binding.base.value!r} needs a preset that reads it")
    try:
        for template in templates:
            check_base(template, binding.base or Base.NONE)
    except TemplateError as reason:
        raise NamingError(place, number, "base", f"preset {binding.preset!r}: {reason}") from None


def takes(preset: Preset, suffix: str) -> bool:
    """Whether a preset is about files with this suffix."""
    if preset.suffixes:
        return suffix in preset.suffixes
    return preset.role is not Role.CLIP or suffix not in PICTURE_SUFFIXES


def parts_of(key: str) -> tuple[str, str]:
    """A key without its suffix, and the suffix in lower case, empty where what follows the dot is none."""
    stem, dot, suffix = key.rpartition(".")
    if not dot or not suffix.isalnum() or len(suffix) > 5 or suffix.isdigit() or stem.endswith("/"):
        return key, ""
    return stem, suffix.lower()


def stem_of(key: str) -> str:
    """A key without its suffix."""
    return parts_of(key)[0]
