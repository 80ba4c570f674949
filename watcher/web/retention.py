"""What the rules of retention would remove now: asked before anything goes."""

from __future__ import annotations

import itertools

from flask import Blueprint, Response, request

from watcher import presenting
from watcher.access import Role
from watcher.shapes import GoingShape, Links, PlanShape
from watcher.web import wire
from watcher.web.questions import limit
from watcher.web.routes import route
from watcher.web.state import state

bp = Blueprint("retention", __name__)


@route(bp, "/retention/plan", role=Role.ADMIN, takes=("limit",), answers=PlanShape)
def plan() -> Response:
    """What would go now, in the order in which it would, and by which rule."""
    services, count = state().services, limit(request.args)
    free = services.root.free_bytes()
    going = services.rules().plan(services.clock.now(), free)
    some = list(itertools.islice(going, count))
    shown = [
        GoingShape(
            id=one.clip.id,
            key=one.clip.key,
            camera=one.clip.camera,
            started_at=presenting.utc(one.clip.started_at),
            size_bytes=one.clip.size_bytes,
            rule=one.rule,
            links=Links(f"{state().base}{request.script_root}/clips/{one.clip.id}"),
        )
        for one in some
    ]
    body = PlanShape(shown, next(going, None) is not None, free)
    return wire.json_response(body, Cache_Control="no-store")
