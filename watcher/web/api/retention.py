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
    some = [_shown(one) for one in itertools.islice(going, count)]
    more = next(going, None) is not None
    for _ in itertools.islice(going, FURTHER):  # what waits is known at the end
        pass
    waiting = [WaitingShape(one.rule, one.camera or None, one.clips, one.size_bytes) for one in plan.waiting]
    allowed = remembered.allows(rules.limits.text)
    until = serialize.utc(moment(remembered.allowed_until_ms)) if allowed else None
    body = PlanShape(some, more, free, waiting, plan.overshoot_bytes, until)
    return wire.json_response(body, Cache_Control="no-store")


def _shown(one: Going) -> GoingShape:
    doubt = one.clip.doubt
    return GoingShape(
        id=one.clip.id,
        key=one.clip.key,
        camera=one.clip.camera,
        started_at=serialize.utc(one.clip.started_at),
        size_bytes=one.clip.size_bytes,
        rule=one.rule,
        links=Links(f"{state().base}{request.script_root}/clips/{one.clip.id}"),
        arrived_at=serialize.utc(moment(one.clip.arrived_ms)),
        counts_by="start" if doubt is None else "arrival",
        doubt=doubt,
    )
