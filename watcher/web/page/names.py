"""How pages call cameras, and in which order they stand: as a person said, else as their files do."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from flask import g
from markupsafe import Markup

from watcher.model.camera import UNSAID, CameraSettings, order_key
from watcher.model.clip import CameraSummary
from watcher.model.errors import CatalogError
from watcher.web.http.auth import principal
from watcher.web.http.state import catalog


def seen() -> list[CameraSummary]:
    """The cameras that exist for whoever asks, as people order them: hidden ones last."""
    there = (summary for summary in catalog().clips.camera_summaries() if principal().sees(summary.camera))
    return ordered(there)


def ordered(cameras: Iterable[CameraSummary]) -> list[CameraSummary]:
    """Cameras as people order them."""
    return sorted(cameras, key=lambda summary: order_key(summary.camera, summary.settings))


def settings() -> dict[str, CameraSettings]:
    """What was said of the cameras that exist for whoever asks; nothing where nobody knows who that is."""
    if "cameras" not in g:
        g.cameras = _settings() if "principal" in g else {}
    known: dict[str, CameraSettings] = g.cameras
    return known


def _settings() -> dict[str, CameraSettings]:
    try:
        settings = catalog().cameras.settings()
    except CatalogError:  # the page says what is wrong, and this is no part of it
        return {}
    return {camera: settings[camera] for camera in settings if principal().sees(camera)}


def for_scripts() -> str | None:
    """The same as JSON, for the page's scripts; None where nothing was said."""
    return msgspec.json.encode(settings()).decode() if settings() else None


def called(camera: str) -> str:
    """What people call a camera."""
    return settings().get(camera, UNSAID).name or camera


def called_by_all(cameras: Iterable[str]) -> dict[str, str]:
    """Cameras by what people call them and by what their files do, which counts where both say the same."""
    there = list(cameras)
    return {called(camera): camera for camera in there} | {camera: camera for camera in there}


def titled(camera: str) -> str:
    """The same with what its files call it, where that is something else."""
    name = called(camera)
    return name if name == camera else f"{name} ({camera})"


def named(camera: str) -> Markup:
    """A camera's name with its colour; `entitle` in `static/api.js` makes the same."""
    text = Markup('<span data-name="{}" dir="auto"').format(camera)
    if (title := titled(camera)) != camera:
        text += Markup(' title="{}"').format(title)
    if colour := settings().get(camera, UNSAID).colour:
        text += Markup(' data-colour="{}"').format(colour)
    return text + Markup(">{}</span>").format(called(camera))
