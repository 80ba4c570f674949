"""Clips and cameras as JSON."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Response, request

from watcher.model.access import Role
from watcher.model.clip import Clip, Page
from watcher.model.errors import BadParameterError, ClipNotFoundError, ForbiddenError
from watcher.model.fields import Fields
from watcher.model.instant import Instant, at_zone
from watcher.model.schemas import CamerasShape, ClipShape, PageShape, Time
from watcher.retention.retire import Retention
from watcher.web.api.cameras import shape
from watcher.web.http import wire
from watcher.web.http.auth import audit, principal, visible
from watcher.web.http.query import FILTERS, bounded, limit, place, read_fields, single, yes_or_no
from watcher.web.http.request import Answer, ApiRequest, Body, clip_tag
from watcher.web.http.responses import clip_response, expected_revision
from watcher.web.http.routes import question, route
from watcher.web.http.state import catalog, state

bp = Blueprint("clips", __name__)

CAMERA_MOST, NOTE_MOST = 100, 2000  # characters
_CURSORS = frozenset({"before", "after", "around"})
_PAGING = ("sort", "limit", "before", "after", "around")


@question(bp, "/clips", takes=(*FILTERS, *_PAGING, "fields"), answers=PageShape)
def index(api_request: ApiRequest) -> Answer:
    """Clips in the order of their start, a page at a time."""
    args, catalog = api_request.args, api_request.catalog
    if len(_CURSORS & set(args)) > 1:
        raise BadParameterError("before", "give one of before, after and around")
    sort = single(args, "sort", "-started_at")
    if sort not in {"started_at", "-started_at"}:
        raise BadParameterError("sort", f"sort={sort!r} must be started_at or -started_at")
    clip_filter, count, newest_first = api_request.filter(), limit(args), sort == "-started_at"
    around = place(single(args, "around", ""), "around") if "around" in args else None
    after = wire.position(single(args, "after", ""), "after") if "after" in args else None
    before = wire.position(single(args, "before", ""), "before") if "before" in args else None
    fields = read_fields(args)

    def body() -> Body:
        if around is not None:
            page = catalog.clips.around(clip_filter, around, limit=count, newest_first=newest_first)
        else:
            page = catalog.clips.find(
                clip_filter, limit=count, newest_first=newest_first, after=after, before=before
            )
        return _page(api_request, page, fields)

    head = catalog.clips.head()
    return Answer(head, api_request.listed_tag(head), body)


def _page(api_request: ApiRequest, page: Page, fields: Fields | None) -> Body:
    following = previous = None
    if page.more_after and page.clips:
        following = _same_at(api_request, after=wire.cursor(page.clips[-1]))
    if page.more_before and page.clips:
        previous = _same_at(api_request, before=wire.cursor(page.clips[0]))
    links = [f'<{url}>; rel="{rel}"' for url, rel in ((following, "next"), (previous, "prev")) if url]
    return Body(PageShape(api_request.picked(page.clips, fields), following, previous), ", ".join(links))


def _same_at(api_request: ApiRequest, **cursor: str) -> str:
    """The same question at another cursor."""
    parameters = [(name, value) for name, value in api_request.args.items(multi=True) if name not in _CURSORS]
    return f"{api_request.address('/clips')}?{urlencode([*parameters, *cursor.items()])}"


@question(bp, "/clips/<int:clip_id>", takes=("fields",), answers=ClipShape, problems=(404,))
def show(api_request: ApiRequest, clip_id: int) -> Answer:
    """One clip, by its id."""
    return _answer(api_request, api_request.visible(api_request.catalog.clips.get(bounded(clip_id))))


def _answer(api_request: ApiRequest, clip: Clip) -> Answer:
    fields = read_fields(api_request.args)
    return Answer(
        None, clip_tag(api_request, clip.id, clip.revision), lambda: Body(api_request.picked([clip], fields)[0])
    )


class Correction(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says of a clip; null takes an earlier word back."""

    held: bool | msgspec.UnsetType = msgspec.UNSET
    note: str | msgspec.UnsetType | None = msgspec.UNSET
    camera: str | msgspec.UnsetType | None = msgspec.UNSET
    started_at: Time | msgspec.UnsetType | None = msgspec.UNSET


@route(
    bp,
    "/clips/<int:clip_id>",
    "PATCH",
    role=Role.LABEL,
    body=Correction,
    answers=ClipShape,
    problems=(404, 412),
)
def correct(clip_id: int) -> Response:
    """Correct a clip's camera or start, hold it, note something about it; its file stays as it is."""
    body = wire.body(Correction)
    camera = body.camera
    if isinstance(camera, str) and not (camera.strip() and camera.isprintable() and len(camera) <= CAMERA_MOST):
        raise BadParameterError("camera", f"a camera's name has 1 to {CAMERA_MOST} characters, all of them visible")
    if isinstance(body.note, str) and (len(body.note) > NOTE_MOST or "\0" in body.note):
        raise BadParameterError("note", f"a note has at most {NOTE_MOST:,} characters, and no NUL")
    clip = visible(catalog().clips.get(bounded(clip_id)))
    if not principal().may(Role.ADMIN) and (camera, body.started_at) != (msgspec.UNSET, msgspec.UNSET):
        raise ForbiddenError("only an admin corrects camera and start; labellers hold clips and note something")
    start: Instant | msgspec.UnsetType | None = msgspec.UNSET
    if body.started_at is None:
        start = None
    elif body.started_at is not msgspec.UNSET:
        start = at_zone(wire.plausible_moment(body.started_at, "started_at"), state().zone)
    catalog().writes.correct(
        clip.id,
        camera=camera,
        start=start,
        held=body.held,
        note=body.note or None if body.note is not msgspec.UNSET else msgspec.UNSET,
        revision=expected_revision(clip),
    )
    audit("correct", clip.key)
    return clip_response(catalog().clips.get(clip.id))


@route(bp, "/clips/<int:clip_id>", "DELETE", role=Role.ADMIN, takes=("bin",), status=204, problems=(404, 409, 412))
def retire(clip_id: int) -> Response:
    """Give a clip up: its file is removed, into the bin where there is one; for good with `bin=false`.

    409 while it is held.
    """
    clip, past_bin = catalog().clips.get(bounded(clip_id)), yes_or_no(request.args, "bin") is False
    Retention.of(state().services).retire(clip.id, revision=expected_revision(clip), past_bin=past_bin)
    audit("retire for good" if past_bin else "retire", clip.key)
    return Response(status=204)


@route(
    bp,
    "/clips/<int:clip_id>/restore",
    "POST",
    role=Role.ADMIN,
    answers=ClipShape,
    status=202,
    problems=(404, 409),
)
def restore(clip_id: int) -> Response:
    """Have a retired clip back from the bin: `missing` at first, and `ready` as soon as its file was seen."""
    clip = catalog().clips.get(bounded(clip_id))
    Retention.of(state().services).restore(clip.id)
    audit("restore", clip.key)
    response = clip_response(catalog().clips.get(clip.id))
    response.status_code = 202
    return response


@route(bp, "/clips/<int:clip_id>/recall", "POST", role=Role.ADMIN, answers=ClipShape, status=202, problems=(404,))
def recall(clip_id: int) -> Response:
    """Bring a clip back from its store into the video root, where it stays for a week; `store` says when it is."""
    clip = catalog().clips.get(bounded(clip_id))
    if catalog().stored.want(clip.id):
        audit("recall", clip.key)
    response = clip_response(catalog().clips.get(clip.id))
    response.status_code = 202
    return response


@question(bp, "/clips/by-key/<key:key>", takes=("fields",), answers=ClipShape, problems=(404,))
def show_by_key(api_request: ApiRequest, key: str) -> Answer:
    """One clip, by its key."""
    clip = None if "\0" in key else api_request.catalog.clips.by_key(key)
    if clip is None or not api_request.principal.sees(clip.camera):
        raise ClipNotFoundError(f"there is no clip with the key {key!r}")
    return _answer(api_request, clip)


@question(bp, "/cameras", answers=CamerasShape)
def cameras(api_request: ApiRequest) -> Answer:
    """Every camera with what there is of it."""
    head = api_request.catalog.clips.head()
    return Answer(head, api_request.listed_tag(head), lambda: _cameras(api_request))


def _cameras(api_request: ApiRequest) -> Body:
    summaries = api_request.catalog.clips.camera_summaries()
    return Body(
        CamerasShape([shape(summary) for summary in summaries if api_request.principal.sees(summary.camera)])
    )
