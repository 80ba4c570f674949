"""What whoever asks has seen: a mark that says up to where, and the clips that are not as it says."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.errors import BadParameterError
from watcher.model.schemas import Time
from watcher.web.http import wire
from watcher.web.http.auth import current_request, visible
from watcher.web.http.query import bounded
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.routes import question, route
from watcher.web.http.state import catalog, state

bp = Blueprint("seen", __name__)


class ClipWord(msgspec.Struct):
    """A clip that is not as the mark says."""

    id: int
    seen: bool


class SeenShape(msgspec.Struct):
    """What somebody has seen."""

    until_revision: int  # all that was ready then, but for the exceptions
    marked_at: Time | None  # when the mark was moved last
    exceptions: list[ClipWord]
    unseen: int  # clips that are listed and were not seen
    more: bool  # there are more than were counted


class Upto(msgspec.Struct, forbid_unknown_fields=True):
    """Up to which revision of the catalog everything is seen."""

    until_revision: int


@question(bp, "/seen", answers=SeenShape)
def index(api_request: ApiRequest) -> Answer:
    """Up to which change you have seen everything, which clips are exceptions, and how many you have not seen.

    It is of whoever asks: of the key, or, where nobody signs in, of the browser (its cookie `watcher_browser`).
    """
    person, seen, cameras = api_request.person, api_request.catalog, api_request.principal.cameras
    mark, head = seen.seen.mark(person), seen.clips.head()

    def body() -> Body:
        unseen, more = seen.seen.count_unseen(person, cameras)
        exceptions = [ClipWord(*word) for word in seen.seen.exceptions(person, cameras)]
        return Body(SeenShape(mark.until_revision, serialize.utc_or_none(mark.marked_at), exceptions, unseen, more))

    return Answer(None, api_request.tag(f"seen {head} {person} {mark.version}"), body, private=True)


@route(bp, "/seen", "PUT", role=Role.VIEW, body=Upto, status=204)
def mark() -> Response:
    """Say that you have seen all that was ready at a revision, such as the feed's head; it never moves back."""
    upto = wire.body(Upto).until_revision
    if not 0 <= upto <= wire.NUMBER_MOST:
        raise BadParameterError("until_revision", f"until_revision must be from 0 to {wire.NUMBER_MOST}")
    catalog().seen.set_mark(current_request().person, upto, now=state().services.clock.now())
    return Response(status=204)


@route(bp, "/clips/<int:clip_id>/seen", "PUT", role=Role.VIEW, status=204, problems=(404,))
def put(clip_id: int) -> Response:
    """Say that you have seen a clip."""
    return _say(clip_id, yes=True)


@route(bp, "/clips/<int:clip_id>/seen", "DELETE", role=Role.VIEW, status=204, problems=(404,))
def remove(clip_id: int) -> Response:
    """Say that you have not seen a clip."""
    return _say(clip_id, yes=False)


def _say(clip_id: int, *, yes: bool) -> Response:
    clip = visible(catalog().clips.get(bounded(clip_id)))
    catalog().seen.set(current_request().person, clip.id, yes=yes, now=state().services.clock.now())
    return Response(status=204)
