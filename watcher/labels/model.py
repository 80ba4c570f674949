"""Which model looks, where its file is, and whether it is the right one."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

from watcher.settings.labels import Labels
from watcher.storage.places import Places

FILE = "model.onnx"
BUILT_IN = Path(sys.prefix) / "share" / "labels"  # where an image has it that was built with one
NAME, VERSION = "ssdlite-mobilenet-v2", "1.0.6"  # of the package that it comes from
SHA256 = "9b3467f4e6ffd32aa6e7eadfa65e7c890b10059b41bb43914ec45fe923f13495"  # of what the converter makes of it
SHOWN = 8  # digits of a hash that are the version of somebody's own model
NAME_MOST = 40  # letters of an author's name that are a model's


class Model(NamedTuple):
    """A file that can be looked at with, or cannot."""

    path: Path
    name: str  # with its version: what labels say
    own: bool  # somebody's own, not the one that is made
    problem: str | None


def model_of(settings: Labels, places: Places) -> Model:
    """The model that the settings name; reads its file to know which one it is."""
    path = Path(settings.model) if settings.model else places.labels / FILE
    if not settings.model and not path.exists() and (BUILT_IN / FILE).is_file():
        path = BUILT_IN / FILE
    own = bool(settings.model)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as reason:
        text = f"the model {path} cannot be read: {reason.strerror}"
        return Model(path, "", own, text if own else f"{text}; make labels gets one")
    if own:
        return Model(path, f"{path.stem[:NAME_MOST]} {digest[:SHOWN]}", own, None)
    problem = None if digest == SHA256 else f"{path} is not what make labels makes: make it again"
    return Model(path, f"{NAME} {VERSION}", own, problem)
