"""JSON, times, cursors, addresses, and which error is which HTTP status; nothing here decides anything."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from flask import Response, request, url_for
from msgspec import UNSET
from werkzeug.datastructures import MultiDict
from werkzeug.routing import BaseConverter

from watcher import errors
from watcher.clip import EPOCH, Clip, ClipState, Playable, Position, milliseconds
from watcher.clip import moment as moment_of
from watcher.naming import EARLIEST
from watcher.web.shapes import ClipShape, LabelShape, Links, as_media
from watcher.web.state import state

log = logging.getLogger(__name__)

NUMBER_MOST = (1 << 53) - 1  # what a JSON number keeps in every language

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
Read = TypeVar("Read")


def json_response(body: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer that is asked for again each time."""
    response = Response(msgspec.json.encode(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def see_other(address: str) -> Response:
    """Send a browser on to another page, after a form or to one."""
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def body(kind: type[Read], *, optional: bool = False) -> Read:
    """The request's JSON object; with `optional` an empty one says nothing. Raises BadParameterError.

    It has to be called JSON: a form on a page of somebody else's could be sent from a browser without asking.
    """
    text = request.get_data()
    if optional and not text:
        return kind()
    if request.mimetype != "application/json":
        raise errors.BadParameterError("body", "send a JSON object, with Content-Type: application/json")
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as reason:
        raise errors.BadParameterError("body", f"the body cannot be read: {reason}") from None


def refuse_nul() -> None:
    """Refuse NUL in any parameter: no name has one, and PostgreSQL takes none. Raises BadParameterError."""
    for name, value in request.args.items(multi=True):
        if "\0" in value:
            raise errors.BadParameterError(name, f"{name} has a NUL character in it")


# — times —


def utc(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds.

    >>> utc(EPOCH)
    '1970-01-01T00:00:00.000Z'
    """
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def utc_or_none(moment: datetime | None) -> str | None:
    """The same, where there may be no moment."""
    return None if moment is None else utc(moment)


def local_time(clip: Clip, zone: tzinfo) -> str:
    """What the clock at the camera showed, RFC 3339; by the site's zone where that is not known."""
    known = zone if clip.offset_seconds is None else timezone(timedelta(seconds=clip.offset_seconds))
    return clip.started_at.astimezone(known).isoformat(timespec="milliseconds")


def moment(text: str, parameter: str) -> datetime:
    """An aware moment from RFC 3339 text. Raises BadParameterError for naive times, by name.

    A `+` that was not percent-encoded arrives as a space: that one is accepted.
    """
    repaired = text.strip().replace(" ", "+") if text.count(" ") == 1 and "T" in text.partition(" ")[0] else text
    try:
        found = datetime.fromisoformat(repaired)
        if found.tzinfo is not None:
            return EPOCH + (found - EPOCH)  # in UTC; refuses what lies outside the calendar
    except (ValueError, OverflowError):
        raise errors.BadParameterError(
            parameter, f"{parameter}={text!r} is no RFC 3339 time, such as 2026-11-21T07:00:00+01:00"
        ) from None
    raise errors.BadParameterError(
        parameter, f"{parameter}={text!r} has no offset: write 2026-11-21T07:00:00+01:00, or Z for UTC"
    )


def plausible_moment(text: str, parameter: str) -> datetime:
    """The same of a clip's start, which lies between 2005 and 2100. Raises BadParameterError."""
    at = moment(text, parameter)
    if not EARLIEST <= at <= LATEST:
        raise errors.BadParameterError(parameter, f"{parameter} must be between the years 2005 and 2100")
    return at


# — cursors —


def cursor(clip: Clip) -> str:
    """The place of a clip in the order of clips, as opaque text."""
    text = f"{milliseconds(clip.started_at)}.{clip.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position(text: str, parameter: str) -> Position:
    """The place that a cursor means. Raises BadParameterError for text that is none of ours."""
    try:
        started, _, clip_id = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).partition(b".")
        found = Position(int(started), int(clip_id))
    except ValueError:
        found = Position(1 << 63, 0)
    if not (-(1 << 62) < found.started_ms < 1 << 62 and 0 <= found.id < 1 << 62):
        raise errors.BadParameterError(parameter, f"{parameter} is no cursor of this service")
    return found


# — addresses —


class KeyConverter(BaseConverter):
    """A clip's key in an address: slashes and even line ends, which the `path` converter leaves out."""

    regex = r"[^/][\s\S]*?"
    part_isolating = False


def clip_path(clip: Clip) -> str:
    """Where nginx serves the file on this host: percent-encoded segment by segment."""
    return "/" + quote(clip.key, safe="/")


def poster_path(clip: Clip) -> str | None:
    """Where nginx serves the poster on this host; None while there is none."""
    return None if clip.poster is None else f"{request.script_root}/renditions/{clip.poster}"


def page_link(endpoint: str, args: MultiDict[str, str], **changes: str) -> str:
    """The same question at another cursor."""
    kept = [(name, value) for name, value in args.items(multi=True) if name not in {"before", "after", "around"}]
    return f"{state().base}{url_for(endpoint)}?{urlencode([*kept, *changes.items()])}"


# — clips —


def clip_body(clip: Clip) -> ClipShape:
    """A clip as the contract shows it."""
    return clip_bodies([clip])[0]


def clip_bodies(clips: Sequence[Clip]) -> list[ClipShape]:
    """Clips as the contract shows them; what all of them share is worked out once."""
    base, zone = state().base, state().zone
    clips_at, renditions = base + url_for("clips.index"), f"{base}{request.script_root}/renditions/"
    return [
        ClipShape(
            id=clip.id,
            key=clip.key,
            camera=clip.camera,
            state=clip.state,
            started_at=utc(clip.started_at),
            ended_at=utc(clip.ended_at),
            local_time=local_time(clip, zone),
            time_source=clip.time_source,
            time_quality=clip.time_quality,
            duration_seconds=clip.duration_seconds,
            size_bytes=clip.fingerprint.size_bytes,
            media=as_media(clip.media),
            playable=clip.playable or (Playable.NO if clip.state is ClipState.BROKEN else Playable.MAYBE),
            playable_reason=clip.playable_reason,
            error=clip.error,
            url=base + clip_path(clip),
            poster_url=clip.poster and renditions + clip.poster,
            sprite=None,
            labels=[
                LabelShape(label.name, label.author, label.confidence, utc(moment_of(label.at_ms)))
                for label in clip.labels or ()
            ],
            held=clip.held,
            note=clip.note,
            revision=clip.revision,
            ingested_at=utc(clip.ingested_at),
            links=Links(f"{clips_at}/{clip.id}"),
            missing_since=UNSET if clip.missing_since is None else utc(clip.missing_since),
        )
        for clip in clips
    ]
