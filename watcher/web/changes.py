"""What changed: a feed to follow, and its head, which costs next to nothing to ask for."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from watcher.errors import BadParameterError, StartOverError
from watcher.web import wire
from watcher.web.clips import limit, only, single
from watcher.web.state import catalog, state

bp = Blueprint("changes", __name__)


@bp.get("/changes")
def index() -> Response:
    """Every clip that changed after `since`, as it is now, in the order of the changes.

    A clip stands in it once, at its last change: who has read to the end has what the catalog has, however long ago
    they began, and the feed never outgrows the catalog. A clip that is gone stands in it as `missing` or `retired`.
    """
    args = request.args
    only(args, {"since", "limit"})
    text = single(args, "since", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadParameterError(
            "since", f"since={text!r} must be a whole number: the seq of the last change you have"
        )
    since, count = int(text), limit(args)
    head = catalog().head()  # before the clips: what comes in between is after it, and read next time
    if since > head:
        raise StartOverError(
            f"since={since} is beyond the last change, {head}: this is another or a restored catalog"
        )
    tag = wire.tag(f"{head} {request.query_string.decode('latin-1')}")
    if wire.known(tag):
        return wire.not_modified(tag)
    clips = catalog().changed(since, count + 1)
    more, clips = len(clips) > count, clips[:count]
    following = None
    if more:
        following = f"{state().base}{url_for('changes.index')}?since={clips[-1].revision}&limit={count}"
    changes = [
        {"seq": clip.revision, "clip": body} for clip, body in zip(clips, wire.clip_bodies(clips), strict=True)
    ]
    return wire.tagged(wire.json_response({"changes": changes, "next": following, "head": head}), tag)


@bp.get("/changes/head")
def head() -> Response:
    """The seq of the last change; the catalog's id tells a new catalog from the one that was followed."""
    only(request.args, set())
    last = catalog().head()
    tag = wire.tag(str(last))
    if wire.known(tag):
        return wire.not_modified(tag)
    return wire.tagged(wire.json_response({"head": last, "catalog": catalog().catalog_id()}), tag)
