"""What a person says of a camera: how it is called, in which colour and where it stands, whether it is hidden."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

import msgspec

NAME_MOST, ORDER_MOST = 80, 9999
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the direction of what follows


class Colour(StrEnum):
    """The colours that a camera may have; `static/tokens.css` knows each of them."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    TEAL = "teal"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"


class CameraSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a camera; nothing by default."""

    name: str | None = None  # for people; the camera's own stays what it is known by
    colour: Colour | None = None
    order: int | None = None  # its place; None: by its name, behind those that have one
    hidden: bool = False


UNSAID = CameraSettings()


def friendly_name(text: str) -> str:
    """A name that a person gives, without spaces around it. Raises ValueError that says what is wrong.

    Any script, emoji with their joiners as well; nothing that ends its line or turns what stands behind it.

    >>> friendly_name(" Front door 🚪 ")
    'Front door 🚪'
    """
    name = text.strip()
    kinds = {unicodedata.category(character) for character in name}
    if not any(kind[0] not in "CZM" for kind in kinds) or len(name) > NAME_MOST:
        raise ValueError(f"a name has 1 to {NAME_MOST} characters, and some that can be seen")
    if kinds & {"Cc", "Cs", "Zl", "Zp"} or _TURNS & set(name):
        raise ValueError("a name has no control characters")
    return name


def order_key(camera: str, settings: CameraSettings) -> tuple[bool, int, tuple[list[tuple[int, str]], str], str]:
    """What cameras are ordered by: hidden ones last, those with a place of their own first, then by name.

    >>> said = {"a": UNSAID, "b10": UNSAID, "b9": UNSAID, "c": CameraSettings(order=1)}
    >>> sorted(said | {"d": CameraSettings(name="AA")}, key=lambda name: order_key(name, said.get(name, UNSAID)))
    ['c', 'a', 'b9', 'b10', 'd']
    """
    place = ORDER_MOST + 1 if settings.order is None else settings.order
    return settings.hidden, place, natural_key(settings.name or camera), camera


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """What names are ordered by as people count: cam 2 before cam 10, whatever their case.

    >>> sorted(["porch 10", "Porch 2", "gate", "Yard"], key=natural_key)
    ['gate', 'Porch 2', 'porch 10', 'Yard']
    """
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), "") if part.isdigit() and part.isascii() else (0, part) for part in parts[:99]], name
