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
                previous=bodies(near.before)[0] if near.before else None,
                next=bodies(near.after)[0] if near.after else None,
                others=bodies(near.others),
            )
        )

    return Answer(head, api_request.listed_tag(head), body)


class Neighbours(NamedTuple):
    """What was before, after and elsewhere."""

    before: list[Clip]  # the nearest ones first
    after: list[Clip]
    others: list[Clip]  # the first of each other camera that recorded meanwhile

    def row(self, clip: Clip) -> list[Clip]:
        """The clip among those before and after it, in the order of time."""
        return [*self.before[::-1], clip, *self.after]


def neighbours_of(api_request: ApiRequest, clip: Clip, clip_filter: ClipFilter, *, limit: int = 1) -> Neighbours:
    """So many clips before and after one among those that are wanted, and what other cameras saw meanwhile."""
    before, after = api_request.catalog.clips.neighbours(clip, clip_filter, limit=limit)
    end = max(clip.ended_at, clip.started_at + timedelta(milliseconds=1))
    meanwhile = api_request.catalog.clips.find(
        api_request.scoped(ClipFilter(from_at=clip.started_at, to_at=end)), limit=_OTHERS, newest_first=False
    )
    others: dict[str, Clip] = {}
    for other in meanwhile.clips:
        if other.camera != clip.camera:
            others.setdefault(other.camera, other)
    return Neighbours(before, after, [others[camera] for camera in sorted(others)])
