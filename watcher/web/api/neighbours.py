"""What was before a clip, after it, and elsewhere at the same moment."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint

from watcher.model.clip import Clip, ClipFilter
from watcher.model.schemas import NeighboursShape
from watcher.web.http.query import FILTERS, bounded
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.routes import question

bp = Blueprint("neighbours", __name__)

_OTHERS = 200  # clips looked at for what other cameras saw at the same moment


@question(
    bp,
    "/clips/<int:clip_id>/neighbours",
    takes=FILTERS,
    answers=NeighboursShape,
    problems=(404,),
)
def index(api_request: ApiRequest, clip_id: int) -> Answer:
    """The clips before and after one under the same filter, and what the other cameras saw meanwhile."""
    clip_filter = api_request.filter()
    head = api_request.catalog.clips.head()
    clip = api_request.visible(api_request.catalog.clips.get(bounded(clip_id)))

    def body() -> Body:
        near, bodies = neighbours_of(api_request, clip, clip_filter), api_request.bodies
        return Body(
            NeighboursShape(
                previous=bodies([near.previous])[0] if near.previous else None,
                next=bodies([near.following])[0] if near.following else None,
                others=bodies(near.others),
            )
        )

    return Answer(head, api_request.listed_tag(head), body)


class Neighbours(NamedTuple):
    """What was before, after and elsewhere."""

    previous: Clip | None
    following: Clip | None
    others: list[Clip]  # the first of each other camera that recorded meanwhile


def neighbours_of(api_request: ApiRequest, clip: Clip, clip_filter: ClipFilter) -> Neighbours:
    """The clips before and after one among those that are wanted, and what other cameras saw meanwhile."""
    previous, following = api_request.catalog.clips.neighbours(clip, clip_filter)
    end = max(clip.ended_at, clip.started_at + timedelta(milliseconds=1))
    meanwhile = api_request.catalog.clips.find(
        api_request.scoped(ClipFilter(from_at=clip.started_at, to_at=end)), limit=_OTHERS, newest_first=False
    )
    others: dict[str, Clip] = {}
    for other in meanwhile.clips:
        if other.camera != clip.camera:
            others.setdefault(other.camera, other)
    return Neighbours(previous, following, [others[camera] for camera in sorted(others)])
