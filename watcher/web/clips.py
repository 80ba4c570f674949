"""Clips and cameras as JSON."""

from __future__ import annotations

import re

import msgspec
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from watcher import presenting
from watcher.access import Role
from watcher.catalog.words import words_in
from watcher.clip import LISTED_STATES, ClipFilter, ClipState, Light, Page, Playable, Position, milliseconds
from watcher.errors import BadParameterError, ClipNotFoundError, ForbiddenError
from watcher.instant import Instant, at_zone
from watcher.shapes import CameraShape, CamerasShape, ClipShape, PageShape, Time
from watcher.web import wire
from watcher.web.answers import answer, clip_response, expected_revision, list_tag, now
from watcher.web.auth import audit, principal, scoped, visible
from watcher.web.routes import route
from watcher.web.state import catalog, state

bp = Blueprint("clips", __name__)

LIMIT, LIMIT_MOST = 50, 500
CAMERA_MOST, NOTE_MOST = 100, 2000  # characters
WORDS_MOST = 10  # of a search
FILTERS = (
    "camera",
    "state",
    "from",
    "to",
    "label",
    "unlabeled",
    "held",
    "playable",
    "light",
    "min_duration",
    "max_duration",
    "q",
)
_PAGING = ("sort", "limit", "before", "after", "around")


@route(bp, "/clips", role=Role.VIEW, takes=FILTERS + _PAGING, answers=PageShape)
def index() -> Response:
    """Clips in the order of their start, a page at a time."""
    args = request.args
    if len({"before", "after", "around"} & set(args)) > 1:
        raise BadParameterError("before", "give one of before, after and around")
    sort = single(args, "sort", "-started_at")
    if sort not in {"started_at", "-started_at"}:
        raise BadParameterError("sort", f"sort={sort!r} must be started_at or -started_at")
    wanted, count, newest_first = clip_filter(args), limit(args), sort == "-started_at"
    around = place(single(args, "around", ""), "around") if "around" in args else None
    after = wire.position(single(args, "after", ""), "after") if "after" in args else None
    before = wire.position(single(args, "before", ""), "before") if "before" in args else None

    def page() -> Response:
        if around is not None:
            return _page(catalog().around(wanted, around, limit=count, newest_first=newest_first), args)
        return _page(
            catalog().find(wanted, limit=count, newest_first=newest_first, after=after, before=before), args
        )

    return answer(list_tag(), page)


def _page(page: Page, args: MultiDict[str, str]) -> Response:
    following = previous = None
    if page.more_after and page.clips:
        following = wire.page_link("clips.index", args, after=wire.cursor(page.clips[-1]))
    if page.more_before and page.clips:
        previous = wire.page_link("clips.index", args, before=wire.cursor(page.clips[0]))
    response = wire.json_response(PageShape(wire.clip_bodies(page.clips), following, previous))
    links = [f'<{url}>; rel="{rel}"' for url, rel in ((following, "next"), (previous, "prev")) if url]
    if links:
        response.headers["Link"] = ", ".join(links)
    return response


@route(bp, "/clips/<int:clip_id>", role=Role.VIEW, answers=ClipShape, problems=(404,))
def show(clip_id: int) -> Response:
    """One clip, by its id."""
    now()
    return clip_response(visible(catalog().clip(bounded(clip_id))))


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
    clip = visible(catalog().clip(bounded(clip_id)))
    if not principal().may(Role.ADMIN) and (camera, body.started_at) != (msgspec.UNSET, msgspec.UNSET):
        raise ForbiddenError("only an admin corrects camera and start; labellers hold clips and note something")
    start: Instant | msgspec.UnsetType | None = msgspec.UNSET
    if body.started_at is None:
        start = None
    elif body.started_at is not msgspec.UNSET:
        start = at_zone(wire.plausible_moment(body.started_at, "started_at"), state().zone)
    catalog().correct(
        clip.id,
        camera=camera,
        start=start,
        held=body.held,
        note=body.note or None if body.note is not msgspec.UNSET else msgspec.UNSET,
        revision=expected_revision(clip),
    )
    audit("correct", clip.key)
    return clip_response(catalog().clip(clip.id))


@route(bp, "/clips/<int:clip_id>", "DELETE", role=Role.ADMIN, status=204, problems=(404, 409, 412))
def retire(clip_id: int) -> Response:
    """Give a clip up: its file is removed. 409 while it is held."""
    clip = catalog().clip(bounded(clip_id))
    state().services.retention().retire(clip.id, revision=expected_revision(clip))
    audit("retire", clip.key)
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
    clip = catalog().clip(bounded(clip_id))
    state().services.retention().restore(clip.id)
    audit("restore", clip.key)
    response = clip_response(catalog().clip(clip.id))
    response.status_code = 202
    return response


@route(bp, "/clips/by-key/<key:key>", role=Role.VIEW, answers=ClipShape, problems=(404,))
def show_by_key(key: str) -> Response:
    """One clip, by its key."""
    now()
    clip = None if "\0" in key else catalog().by_key(key)
    if clip is None or not principal().sees(clip.camera):
        raise ClipNotFoundError(f"there is no clip with the key {key!r}")
    return clip_response(clip)


@route(bp, "/cameras", role=Role.VIEW, answers=CamerasShape)
def cameras() -> Response:
    """Every camera with what there is of it."""
    return answer(list_tag(), _cameras)


def _cameras() -> Response:
    found = [
        CameraShape(
            camera=camera.camera,
            clips=camera.clips,
            size_bytes=camera.size_bytes,
            duration_seconds=camera.duration_seconds,
            first_started_at=presenting.utc_or_none(camera.first_started_at),
            last_started_at=presenting.utc_or_none(camera.last_started_at),
            silent_since=presenting.utc_or_none(camera.silent_since),
            silent=camera.silent,
            expected_by=presenting.utc_or_none(camera.expected_by),
        )
        for camera in catalog().camera_summaries()
        if principal().sees(camera.camera)
    ]
    return wire.json_response(CamerasShape(found))


# — what a question may say —


def bounded(clip_id: int) -> int:
    """An id that a database can hold. Raises ClipNotFoundError for others."""
    if clip_id >= 1 << 62:
        raise ClipNotFoundError(f"there is no clip {clip_id}")
    return clip_id


def single(args: MultiDict[str, str], name: str, default: str) -> str:
    """The value of a parameter that may be given once."""
    values = args.getlist(name)
    if len(values) > 1:
        raise BadParameterError(name, f"{name} may be given once")
    return values[0] if values else default


def texts(args: MultiDict[str, str], name: str) -> tuple[str, ...]:
    """The values of a parameter that may be repeated, each once and none empty."""
    values = tuple(dict.fromkeys(args.getlist(name)))
    if "" in values:
        raise BadParameterError(name, f"{name} is empty")
    return values


def limit(args: MultiDict[str, str]) -> int:
    """How many clips a page may have."""
    text = single(args, "limit", str(LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LIMIT_MOST):
        raise BadParameterError("limit", f"limit={text!r} must be a whole number from 1 to {LIMIT_MOST}")
    return int(text)


def place(text: str, parameter: str) -> Position:
    """A place in the order of clips: a cursor, or a time. Raises BadParameterError."""
    if "T" in text and "-" in text and ":" in text:  # a cursor has no colon
        return Position(milliseconds(wire.moment(text, parameter)), 0)
    return wire.position(text, parameter)


def clip_filter(args: MultiDict[str, str]) -> ClipFilter:
    """Which clips are asked for. Raises BadParameterError."""
    states = []
    for text in args.getlist("state"):
        if text not in set(ClipState):
            raise BadParameterError("state", f"state={text!r} must be one of {', '.join(ClipState)}")
        states.append(ClipState(text))
    playable = []
    for text in args.getlist("playable"):
        if text not in set(Playable):
            raise BadParameterError("playable", f"playable={text!r} must be one of {', '.join(Playable)}")
        playable.append(Playable(text))
    from_at = wire.moment(single(args, "from", ""), "from") if "from" in args else None
    to_at = wire.moment(single(args, "to", ""), "to") if "to" in args else None
    if from_at and to_at and milliseconds(from_at) >= milliseconds(to_at):
        raise BadParameterError("to", "to must be later than from")
    light = []
    for text in args.getlist("light"):
        if text not in set(Light):
            raise BadParameterError("light", f"light={text!r} must be one of {', '.join(Light)}")
        light.append(Light(text))
    unlabeled = _yes_or_no(args, "unlabeled")
    text = single(args, "q", "")
    words = tuple(dict.fromkeys(words_in(text)))
    if "q" in args and not 1 <= len(words) <= WORDS_MOST:
        raise BadParameterError("q", f"q={text!r} must have 1 to {WORDS_MOST} words, of letters and digits")
    wanted = ClipFilter(
        cameras=texts(args, "camera"),
        states=tuple(states) or LISTED_STATES,
        from_at=from_at,
        to_at=to_at,
        labels=texts(args, "label"),
        labeled=None if unlabeled is None else not unlabeled,
        held=_yes_or_no(args, "held"),
        playable=tuple(playable),
        light=tuple(light),
        min_seconds=_seconds(args, "min_duration"),
        max_seconds=_seconds(args, "max_duration"),
        words=words,
    )
    return scoped(wanted)


def _yes_or_no(args: MultiDict[str, str], name: str) -> bool | None:
    text = single(args, name, "")
    if name in args and text not in {"true", "false"}:
        raise BadParameterError(name, f"{name}={text!r} must be true or false")
    return text == "true" if text else None


def _seconds(args: MultiDict[str, str], name: str) -> float | None:
    text = single(args, name, "")
    if name in args and not re.fullmatch(r"\d{1,7}(?:\.\d{1,6})?", text, re.ASCII):
        raise BadParameterError(name, f"{name}={text!r} must be a number of seconds")
    return float(text) if text else None
