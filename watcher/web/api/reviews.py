"""Reviews over HTTP: clips to label, each in one pair of hands at a time."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

import msgspec
from flask import Blueprint, Response, url_for
from msgspec import Meta

from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.clip import ClipFilter
from watcher.model.errors import BadParameterError
from watcher.model.schemas import Links, ReviewShape
from watcher.web.http import wire
from watcher.web.http.auth import current_request, scoped
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("reviews", __name__)

CLIPS_MOST = 100
LEASE_LEAST, LEASE_MOST = 1, 86400  # seconds


class ReviewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody wants to look at; an empty body wants the defaults."""

    limit: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": CLIPS_MOST})] = 10
    lease_seconds: Annotated[int, Meta(extra_json_schema={"minimum": LEASE_LEAST, "maximum": LEASE_MOST})] = 600
    cameras: tuple[str, ...] = ()


@route(
    bp,
    "/reviews",
    "POST",
    role=Role.LABEL,
    body=ReviewRequest,
    body_optional=True,
    answers=ReviewShape,
)
def begin() -> Response:
    """Hand out the newest clips that are unlabeled and in nobody's hands, for a while.

    A clip is given back by a label, by the end of the review, or by time.
    """
    terms = wire.body(ReviewRequest, optional=True)
    if not 1 <= terms.limit <= CLIPS_MOST:
        raise BadParameterError("limit", f"limit must be from 1 to {CLIPS_MOST}")
    if not LEASE_LEAST <= terms.lease_seconds <= LEASE_MOST:
        raise BadParameterError("lease_seconds", f"lease_seconds must be from {LEASE_LEAST} to {LEASE_MOST}")
    if any("\0" in camera for camera in terms.cameras):
        raise BadParameterError("cameras", "a camera's name has no NUL")
    cameras = scoped(ClipFilter(cameras=terms.cameras)).cameras
    now = state().services.clock.now()
    until = now + timedelta(seconds=terms.lease_seconds)
    review = secrets.token_urlsafe(12)
    clips = catalog().reviews.lease(review, limit=terms.limit, until=until, now=now, cameras=cameras)
    links = Links(state().base + url_for("reviews.end", review=review))
    body = ReviewShape(review, serialize.utc(until), current_request().bodies(clips), links)
    return wire.json_response(body, Cache_Control="no-store")


@route(bp, "/reviews/<review>", "DELETE", role=Role.LABEL, status=204)
def end(review: str) -> Response:
    """Give back what a review has not labelled; one that has ended already is no error."""
    if "\0" not in review:
        catalog().reviews.release(review)
    return Response(status=204)
