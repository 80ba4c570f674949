"""What was before a clip, after it, and elsewhere at the same moment."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint, Response

from watcher.model.access import Role
from watcher.model.clip import Clip, ClipFilter
from watcher.model.schemas import NeighboursShape
from watcher.web.http.auth import asked
from watcher.web.http.query import FILTERS, bounded
from watcher.web.http.request import Asked, Made, Told
from watcher.web.http.responses import told
from watcher.web.http.routes import route

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
    return told(beside(asked(), clip_id))


def beside(asked: Asked, clip_id: int) -> Told:
    """What is before, after and beside a clip. Raises ClipNotFoundError, BadParameterError."""
    wanted = asked.filter()
    head = asked.catalog.head()
    clip = asked.visible(asked.catalog.clip(bounded(clip_id)))

    def found() -> Made:
        near, bodies = neighbours_of(asked, clip, wanted), asked.bodies
        return Made(
            NeighboursShape(
                previous=bodies([near.previous])[0] if near.previous else None,
                next=bodies([near.following])[0] if near.following else None,
                others=bodies(near.others),
            )
        )

    return Told(head, asked.listed_tag(head), found)


class Neighbours(NamedTuple):
    """What was before, after and elsewhere."""

    previous: Clip | None
    following: Clip | None
    others: list[Clip]  # the first of each other camera that recorded meanwhile


def neighbours_of(asked: Asked, clip: Clip, wanted: ClipFilter) -> Neighbours:
    """The clips before and after one among those that are wanted, and what other cameras saw meanwhile."""
    previous, following = asked.catalog.neighbours(clip, wanted)
    end = max(clip.ended_at, clip.started_at + timedelta(milliseconds=1))
    meanwhile = asked.catalog.find(
        asked.scoped(ClipFilter(from_at=clip.started_at, to_at=end)), limit=_OTHERS, newest_first=False
    )
    others: dict[str, Clip] = {}
    for other in meanwhile.clips:
        if other.camera != clip.camera:
            others.setdefault(other.camera, other)
    return Neighbours(previous, following, [others[camera] for camera in sorted(others)])
