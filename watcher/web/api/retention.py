"""What the rules of retention would remove now: asked before anything goes; and an admin's word for what waits."""

from __future__ import annotations

import itertools

from flask import Blueprint, Response, request

from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.clip import moment
from watcher.model.retention_state import Remembered
from watcher.model.schemas import GoingShape, Links, PlanShape, WaitingShape
from watcher.retention.rules import Going, Rules
from watcher.retention.state import remembered
from watcher.web.http import wire
from watcher.web.http.auth import audit
from watcher.web.http.query import limit
from watcher.web.http.routes import route
from watcher.web.http.state import state

FURTHER = 10_000  # clips that are walked over beyond those that are shown

bp = Blueprint("retention", __name__)


@route(bp, "/retention/plan", role=Role.ADMIN, takes=("limit",), answers=PlanShape)
def plan() -> Response:
    """What would go now, in the order in which it would; by which rule, and which time counted; what waits."""
    return _plan(remembered(state().services))


@route(bp, "/retention/allow", "POST", role=Role.ADMIN, takes=("limit",), answers=PlanShape)
def allow() -> Response:
    """Let what waits go: for a day, while the rules and the clock stay as they are. Answers with the plan."""
    from watcher.retention.state import allow as let_go  # noqa: PLC0415 - hardly ever asked for

    remembered = let_go(state().services)
    audit("allow", "retention")
    return _plan(remembered)


def _plan(remembered: Remembered) -> Response:
    services, count = state().services, limit(request.args)
    free, rules = services.root.free_bytes(), Rules.of(services)
    plan = rules.plan(remembered, free)
    going = iter(plan)
    some = [_shown(clip) for clip in itertools.islice(going, count)]
    more = next(going, None) is not None
    for _ in itertools.islice(going, FURTHER):  # what waits is known at the end
        pass
    waiting = [WaitingShape(item.rule, item.camera or None, item.clips, item.size_bytes) for item in plan.waiting]
    allowed = remembered.allows(rules.limits.text)
    until = serialize.utc(moment(remembered.allowed_until_ms)) if allowed else None
    body = PlanShape(some, more, free, waiting, plan.overshoot_bytes, until)
    return wire.json_response(body, Cache_Control="no-store")


def _shown(clip: Going) -> GoingShape:
    doubt = clip.clip.doubt
    return GoingShape(
        id=clip.clip.id,
        key=clip.clip.key,
        camera=clip.clip.camera,
        started_at=serialize.utc(clip.clip.started_at),
        size_bytes=clip.clip.size_bytes,
        rule=clip.rule,
        links=Links(f"{state().base}{request.script_root}/clips/{clip.clip.id}"),
        arrived_at=serialize.utc(moment(clip.clip.arrived_ms)),
        counts_by="start" if doubt is None else "arrival",
        doubt=doubt,
    )
