"""One camera, and what a person says of it: a name for people, a colour, a place, whether it is hidden."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.camera import NAME_MOST, ORDER_MOST, CameraSettings, Colour, friendly_name
from watcher.model.clip import CameraSummary
from watcher.model.errors import BadParameterError, CameraNotFoundError
from watcher.model.schemas import CameraShape
from watcher.web.http import wire
from watcher.web.http.auth import audit, by, current_request, principal
from watcher.web.http.request import Answer, Body
from watcher.web.http.responses import respond
from watcher.web.http.routes import route
from watcher.web.http.state import catalog

bp = Blueprint("cameras", __name__)


class SettingsBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says of a camera; what is left out, or null, is taken back."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_MOST)] | None = None
    colour: Colour | None = None
    order: Annotated[int, msgspec.Meta(ge=1, le=ORDER_MOST)] | None = None
    hidden: bool = False


@route(bp, "/cameras/<camera:camera>", role=Role.VIEW, answers=CameraShape, problems=(404,))
def show(camera: str) -> Response:
    """One camera with what there is of it; it has 0 clips where all are gone."""
    api_request = current_request()
    head = api_request.catalog.clips.head()
    summary = summary_of(camera)
    return respond(Answer(head, api_request.listed_tag(head), lambda: Body(shape(summary))))


@route(
    bp, "/cameras/<camera:camera>", "PUT", role=Role.ADMIN, body=SettingsBody, answers=CameraShape, problems=(404,)
)
def put(camera: str) -> Response:
    """Say how a camera is called, in which colour and where it stands, and whether pages leave it out.

    Its `camera` stays the same, in filters, addresses and answers. 404 of one that never left a clip.
    """
    body = wire.body(SettingsBody)
    say(camera, body.name, body.colour, body.order, hidden=body.hidden)
    return wire.json_response(shape(summary_of(camera)))


def say(camera: str, name: str | None, colour: Colour | None, order: int | None, *, hidden: bool) -> None:
    """Keep what an admin says of a camera. Raises BadParameterError, CameraNotFoundError."""
    summary_of(camera)
    try:
        name = None if name is None else friendly_name(name)
    except ValueError as reason:
        raise BadParameterError("name", str(reason)) from None
    settings = CameraSettings(name=name, colour=colour, order=order, hidden=hidden)
    catalog().cameras.set(camera, settings, by=by())
    audit("camera set", camera)


def summary_of(camera: str) -> CameraSummary:
    """A camera, if it exists for whoever asks. Raises CameraNotFoundError."""
    if "\0" in camera or not principal().sees(camera):
        raise CameraNotFoundError(f"no camera {camera!r} has left a clip")
    return catalog().clips.camera_summary(camera)


def shape(summary: CameraSummary) -> CameraShape:
    """A camera as JSON."""
    settings = summary.settings
    return CameraShape(
        camera=summary.camera,
        clips=summary.clips,
        size_bytes=summary.size_bytes,
        duration_seconds=summary.duration_seconds,
        first_started_at=serialize.utc_or_none(summary.first_started_at),
        last_started_at=serialize.utc_or_none(summary.last_started_at),
        silent_since=serialize.utc_or_none(summary.silent_since),
        silent=summary.silent,
        expected_by=serialize.utc_or_none(summary.expected_by),
        name=settings.name,
        colour=settings.colour,
        order=settings.order,
        hidden=settings.hidden,
    )
