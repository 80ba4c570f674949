"""JSON, times, cursors, addresses, and which error is which HTTP status; nothing here decides anything."""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from flask import Response, has_request_context, request
from werkzeug.datastructures import MultiDict
from werkzeug.routing import BaseConverter

from watcher.model import errors, serialize
from watcher.model.clip import EARLIEST, EPOCH, Clip, Position
from watcher.settings.schema import Settings
from watcher.web.http.state import state

log = logging.getLogger("watcher.web.wire")

NUMBER_MOST = (1 << 53) - 1  # what a JSON number keeps in every language

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
Read = TypeVar("Read")
_HARDENED = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]


def json_response(body: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer that is asked for again each time."""
    response = Response(msgspec.json.encode(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def request_path() -> str:
    """The path that nginx asks about, decoded: WSGI hands its bytes on as if they were Latin-1."""
    path: str = request.environ.get("WATCHER_PATH", "")
    return path.encode("latin-1").decode("utf-8", "surrogateescape")


def is_text(path: str) -> bool:
    """Whether all bytes of a path, as nginx asks about it, are text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


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


def request_id() -> str:
    """The number by which nginx's log knows this request; empty outside of one."""
    return str(request.environ.get("WATCHER_REQUEST_ID", "")) if has_request_context() else ""


def hardened(settings: Settings, *, secure: bool) -> list[tuple[str, str]]:
    """Headers by which browsers do not make of an answer what it is not."""
    if secure and settings.tls.hsts_seconds:
        return [*_HARDENED, ("Strict-Transport-Security", f"max-age={settings.tls.hsts_seconds}")]
    return _HARDENED


def varies(settings: Settings) -> list[str]:
    """Headers of a request that its answer depends on, whatever is asked."""
    names = [] if settings.auth.mode == "open" else ["Authorization", "Cookie"]
    return [*names, "Origin"] if settings.site.allowed_origins else names


def parameters(query: str) -> MultiDict[str, str]:
    """A question's parameters, as Flask reads them."""
    if not query:
        return MultiDict()
    return MultiDict(parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote"))


def harden(response: Response) -> Response:
    """Add what every answer says; pages have said more."""
    settings = state().services.settings
    for name, value in hardened(settings, secure=request.is_secure):
        response.headers.setdefault(name, value)
    if number := request_id():
        response.headers["X-Request-Id"] = number
    response.vary.update(varies(settings))
    if (origin := request.headers.get("Origin")) in settings.site.allowed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "ETag, Link, Location"
    return response


def preflight() -> Response | None:
    """Tell a browser what a page of another origin may ask, if its origin is allowed anything."""
    origins = state().services.settings.site.allowed_origins
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    response = Response(status=204)
    if request.headers.get("Origin") in origins:
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, PUT, POST, PATCH, DELETE"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match, If-None-Match"
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def refuse_nul() -> None:
    """Refuse NUL in any parameter: no name has one, and PostgreSQL takes none. Raises BadParameterError."""
    for name, value in request.args.items(multi=True):
        if "\0" in value:
            raise errors.BadParameterError(name, f"{name} has a NUL character in it")


# — times —


def moment(text: str, parameter: str) -> datetime:
    """An aware moment from RFC 3339 text. Raises BadParameterError for naive times, by name.

    A `+` that was not percent-encoded arrives as a space: that one is accepted.
    """
    repaired = text.strip().replace(" ", "+") if text.count(" ") == 1 and "T" in text.partition(" ")[0] else text
    try:
        instant = datetime.fromisoformat(repaired)
        if instant.tzinfo is not None:
            return EPOCH + (instant - EPOCH)  # in UTC; refuses what lies outside the calendar
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
    text = f"{clip.started_ms}.{clip.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position(text: str, parameter: str) -> Position:
    """The place that a cursor means. Raises BadParameterError for text that is none of ours."""
    try:
        started, _, clip_id = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).partition(b".")
        position = Position(int(started), int(clip_id))
    except ValueError:
        position = Position(1 << 63, 0)
    if not (-(1 << 62) < position.started_ms < 1 << 62 and 0 <= position.id < 1 << 62):
        raise errors.BadParameterError(parameter, f"{parameter} is no cursor of this service")
    return position


# — addresses —


class KeyConverter(BaseConverter):
    """A clip's key in an address: slashes and even line ends, which the `path` converter leaves out."""

    regex = r"[^/][\s\S]*?"
    part_isolating = False


class CameraConverter(KeyConverter):
    """A camera in an address: with slashes, where a person corrected it so; without what hangs below it."""

    regex = r"(?![\s\S]*/playlist\.m3u8$)[^/][\s\S]*?"


def clip_path(clip: Clip) -> str:
    """Where nginx serves the file on this host, as whoever asks finds it."""
    return request.script_root.removesuffix(serialize.MOUNT) + serialize.clip_path(clip)


def poster_path(clip: Clip) -> str | None:
    """Where nginx serves the poster on this host; None while there is none."""
    return None if clip.poster is None else f"{request.script_root}/renditions/{clip.poster}"
