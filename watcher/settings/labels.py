"""What can be set of labels that a model gives."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
# What cameras are put up for; of the model that `make labels` gets, whose other classes are kitchens and sports.
_NAMES = "person bicycle car motorcycle bus train truck boat bird cat dog horse sheep cow bear"
WANTED = tuple(_NAMES.split())


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure the model has to be, of one label or at one camera, or both."""

    threshold: Share
    # "": all.
    camera: str = ""
    # The model's class, or the group's name; "": all.
    label: str = ""


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a camera's picture in which things count, or do not: by where they stand, their lower middle."""

    camera: str
    # Corners in shares of the picture from its upper left, such as [[0, 0.5], [1, 0.5], [1, 1], [0, 1]].
    polygon: Annotated[tuple[tuple[Share, Share], ...], Meta(min_length=3, max_length=100)]
    # true: only what stands in such an area counts; false: what stands in it does not.
    counts: bool = True
    # Only these; none for all.
    labels: tuple[str, ...] = ()


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several classes under one word."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    labels: tuple[str, ...]


class Labels(msgspec.Struct, frozen=True):
    """What a model sees on clips; guide/labels.md."""

    # A model looks at each clip and labels it; needs `make labels`, or a model of your own.
    enabled: bool = False
    # Also at clips that were there before it, the newest first, when no live one waits.
    old: bool = True
    # An ONNX file; "" is the one that `make labels` made.
    model: str = ""
    # What its classes are called, in their order; none: as the file says.
    names: tuple[str, ...] = ()
    # Classes that become labels; "*" for all of them.
    wanted: tuple[str, ...] = WANTED
    # How sure the model has to be, from 0 to 1.
    threshold: Share = 0.5
    # One table for each camera or label of which it has to be surer, or less sure.
    thresholds: tuple[Threshold, ...] = ()
    # One table for each part of a camera's picture that counts, or does not.
    areas: tuple[Area, ...] = ()
    # One table for each word that stands for several classes.
    groups: tuple[Group, ...] = ()
