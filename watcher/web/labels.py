"""Labels over HTTP."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from watcher.errors import BadParameterError
from watcher.web import wire
from watcher.web.clips import bounded, only
from watcher.web.state import catalog, state

bp = Blueprint("labels", __name__)

NAME_MOST = 60  # characters
ANYBODY = "anybody"  # the author where nobody has to say who they are


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What goes with a label; an empty body says nothing more."""

    confidence: float | None = None
    author: str = ANYBODY


@bp.get("/labels")
def index() -> Response:
    """Every label in use, with how many clips have it."""
    only(request.args, set())
    tag = wire.list_tag()
    if wire.known(tag):
        return wire.not_modified(tag)
    counts = [{"name": name, "clips": clips} for name, clips in catalog().label_counts()]
    return wire.tagged(wire.json_response({"labels": counts}), tag)


@bp.put("/clips/<int:clip_id>/labels/<name>")
def put(clip_id: int, name: str) -> Response:
    """Say that a clip shows something; 201 if it was not said before. The last word counts."""
    _check(name, "name", NAME_MOST)
    said = Said()
    if body := request.get_data():
        if request.mimetype != "application/json":
            raise BadParameterError("body", "send a JSON object, with Content-Type: application/json, or nothing")
        try:
            said = msgspec.json.decode(body, type=Said)
        except msgspec.MsgspecError as reason:
            raise BadParameterError("body", f"the body cannot be read: {reason}") from None
    if said.confidence is not None and not 0 <= said.confidence <= 1:
        raise BadParameterError("confidence", "confidence must be between 0 and 1")
    _check(said.author, "author", NAME_MOST)
    now = state().services.clock.now()
    author, confidence = said.author, said.confidence
    fresh = catalog().put_label(bounded(clip_id), name, author=author, confidence=confidence, now=now)
    response = wire.clip_response(catalog().clip(clip_id))
    response.status_code = 201 if fresh else 200
    return response


@bp.delete("/clips/<int:clip_id>/labels/<name>")
def remove(clip_id: int, name: str) -> Response:
    """Take a label off; answers with the clip, also where it had none of that name."""
    _check(name, "name", NAME_MOST)
    catalog().remove_label(bounded(clip_id), name)
    return wire.clip_response(catalog().clip(clip_id))


def _check(text: str, parameter: str, most: int) -> None:
    if not (text == text.strip() and text.isprintable() and 1 <= len(text) <= most):
        raise BadParameterError(parameter, f"{parameter} must have 1 to {most} characters, all of them visible")
