"""What was before a clip, after it, and elsewhere at the same moment."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint, Response, request

from watcher.access import Role
from watcher.clip import Clip, ClipFilter
from watcher.shapes import NeighboursShape
from watcher.web import wire
from watcher.web.answers import answer, list_tag
from watcher.web.auth import asked, scoped, visible
from watcher.web.questions import FILTERS, bounded, read_filter
from watcher.web.routes import route
from watcher.web.state import catalog

bp = Blueprint("neighbours", __name__)

_OTHERS = 200  # clips looked at for what other cameras saw at the same moment


@route(
    bp,
    "/clips/<int:clip_id>/neighbours",
    role=Role.VIEW,
    takes=FILTERS,
    answers=NeighboursShape,
    problems=(404,),
)
def index(clip_id: int) -> Response:
    """The clips before and after one under the same filter, and what the other cameras saw meanwhile."""
    args = request.args
    wanted = scoped(read_filter(args))
    mark = list_tag()
    clip = visible(catalog().clip(bounded(clip_id)))

    def body() -> Response:
        found, bodies = neighbours_of(clip, wanted), asked().bodies
        return wire.json_response(
            NeighboursShape(
                previous=bodies([found.previous])[0] if found.previous else None,
                next=bodies([found.following])[0] if found.following else None,
                others=bodies(found.others),
            )
        )

    return answer(mark, body)


class Neighbours(NamedTuple):
    """What was before, after and elsewhere."""

    previous: Clip | None
    following: Clip | None
    others: list[Clip]  # the first of each other camera that recorded meanwhile


def neighbours_of(clip: Clip, wanted: ClipFilter) -> Neighbours:
    """The clips before and after one among those that are wanted, and what other cameras saw meanwhile."""
    previous, following = catalog().neighbours(clip, wanted)
    end = max(clip.ended_at, clip.started_at + timedelta(milliseconds=1))
    meanwhile = catalog().find(
        scoped(ClipFilter(from_at=clip.started_at, to_at=end)), limit=_OTHERS, newest_first=False
    )
    others: dict[str, Clip] = {}
    for other in meanwhile.clips:
        if other.camera != clip.camera:
            others.setdefault(other.camera, other)
    return Neighbours(previous, following, [others[camera] for camera in sorted(others)])
