"""Labels over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from flask import Blueprint, Response, request, stream_with_context

from watcher.model.access import ANYBODY, Role
from watcher.model.errors import BadParameterError
from watcher.model.schemas import ClipShape, LabelCameraCount, LabelCount, LabelsShape
from watcher.web.http import wire
from watcher.web.http.auth import current_request, principal, scoped, visible
from watcher.web.http.query import FILTERS, bounded, read_filter
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.responses import clip_response, streamed
from watcher.web.http.routes import question, route
from watcher.web.http.state import catalog, state

bp = Blueprint("labels", __name__)

NAME_MOST = 60  # characters


class LabelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What goes with a label; an empty body says nothing more."""

    confidence: float | None = None
    author: str = ""  # believed only where nobody has to say who they are


@question(bp, "/labels", answers=LabelsShape)
def index(api_request: ApiRequest) -> Answer:
    """Every label in use, with how many clips have it, of which cameras."""

    def counts() -> Body:
        cameras: dict[str, list[LabelCameraCount]] = {}
        for name, camera, clips in api_request.catalog.labels.label_cameras(api_request.principal.cameras):
            cameras.setdefault(name, []).append(LabelCameraCount(camera, clips))
        counts = api_request.catalog.labels.counts(api_request.principal.cameras)
        return Body(LabelsShape([LabelCount(name, clips, cameras.get(name, [])) for name, clips in counts]))

    head = api_request.catalog.clips.head()
    return Answer(head, api_request.listed_tag(head), counts)


@route(
    bp,
    "/labels/export",
    role=Role.VIEW,
    takes=tuple(name for name in FILTERS if name != "unlabeled"),
    answers=ClipShape,
    media_type="application/jsonl",
    problems=(429,),
)
def export() -> Response:
    """All labelled clips under a filter, oldest first, as JSON Lines: what a model is trained on."""
    clip_filter = msgspec.structs.replace(scoped(read_filter(request.args)), labeled=True)

    bodies = current_request().bodies  # who asks is known now, and no longer while it is sent

    def lines() -> Iterator[bytes]:
        for clips in catalog().clips.pages(clip_filter):
            yield b"".join(msgspec.json.encode(body) + b"\n" for body in bodies(clips))

    response = streamed(stream_with_context(lines()), "application/jsonl")
    response.headers["Content-Disposition"] = 'attachment; filename="labels.jsonl"'
    return response


@route(
    bp,
    "/clips/<int:clip_id>/labels/<name>",
    "PUT",
    role=Role.LABEL,
    body=LabelRequest,
    body_optional=True,
    answers=ClipShape,
    or_status=(201,),
    problems=(404,),
)
def put(clip_id: int, name: str) -> Response:
    """Say that a clip shows something; 201 if it was not said before. The last word counts."""
    _check(name, "name", NAME_MOST)
    body = wire.body(LabelRequest, optional=True)
    if body.confidence is not None and not 0 <= body.confidence <= 1:
        raise BadParameterError("confidence", "confidence must be between 0 and 1")
    holder = principal()
    author = f"key:{holder.name}" if holder is not ANYBODY else body.author or holder.name
    _check(author, "author", NAME_MOST)
    visible(catalog().clips.get(bounded(clip_id)))
    now = state().services.clock.now()
    fresh = catalog().labels.put(clip_id, name, author=author, confidence=body.confidence, now=now)
    response = clip_response(catalog().clips.get(clip_id))
    response.status_code = 201 if fresh else 200
    return response


@route(
    bp,
    "/clips/<int:clip_id>/labels/<name>",
    "DELETE",
    role=Role.LABEL,
    answers=ClipShape,
    problems=(404,),
)
def remove(clip_id: int, name: str) -> Response:
    """Take a label off; answers with the clip, also where it had none of that name."""
    _check(name, "name", NAME_MOST)
    visible(catalog().clips.get(bounded(clip_id)))
    author = principal().name
    catalog().labels.remove(clip_id, name, author=f"key:{author}", now=state().services.clock.now())
    return clip_response(catalog().clips.get(clip_id))


def _check(text: str, parameter: str, most: int) -> None:
    if not (text == text.strip() and text.isprintable() and 1 <= len(text) <= most):
        raise BadParameterError(parameter, f"{parameter} must have 1 to {most} characters, all of them visible")
