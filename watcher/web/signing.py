"""Signing in and out, sharing, and what nginx asks about media."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response, request, url_for
from msgspec import Meta

from watcher import presenting
from watcher.access import Role, hashed
from watcher.errors import BadParameterError, SignInError, WatcherError
from watcher.shapes import ShareShape
from watcher.web import auth, problems, wire
from watcher.web.cookies import session_cookie, session_secret
from watcher.web.pages import html
from watcher.web.questions import bounded
from watcher.web.routes import route
from watcher.web.state import catalog, state

bp = Blueprint("signing", __name__)

SHARE_MOST = 30 * 86400  # seconds


@route(bp, "/sign-in", role=None, page=True)
def form() -> Response:
    """The form, or, with a link that `watcher up` printed, the sign-in itself."""
    if link := request.args.get("link"):
        auth.attempts.refuse(request.remote_addr or "")
        key = catalog().use_link(hashed(link), now=state().services.clock.now())
        if key is not None:
            return auth.open_session(key, url_for("browsing.browse"))
        auth.attempts.note(request.remote_addr or "")
        return _form("That link has been used, or is too old.", 401)
    return _form(None, 200)


@route(bp, "/sign-in", "POST", role=None, page=True)
def sign_in() -> Response:
    """Open a session for a key."""
    address = request.remote_addr or ""
    auth.attempts.refuse(address)
    key = catalog().key_of(hashed(request.form.get("key", "").strip()))
    if key is None or not key.principal.may(Role.VIEW):
        auth.attempts.note(address)
        return _form("That is no key that may see clips.", 401)
    catalog().used_key(key, now=state().services.clock.now())
    return auth.open_session(key, _next())


@route(bp, "/sign-out", "POST", role=None, page=True)
def sign_out() -> Response:
    """End the session."""
    with contextlib.suppress(SignInError):  # several sessions: none of them is believed, and the cookie goes
        if secret := session_secret(request.environ, state().base):
            catalog().close_session(hashed(secret))
    response = wire.see_other(url_for("signing.form"))
    cookie = session_cookie(request.environ, state().base)
    response.delete_cookie(cookie.name, path=cookie.path, secure=cookie.secure, httponly=True, samesite="Lax")
    return response


class Share(msgspec.Struct, forbid_unknown_fields=True):
    """For how long a link is to work."""

    expires_in_seconds: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": SHARE_MOST})]


@route(
    bp,
    "/clips/<int:clip_id>/share",
    "POST",
    role=Role.VIEW,
    body=Share,
    answers=ShareShape,
    problems=(404,),
)
def share(clip_id: int) -> Response:
    """Make a link to one clip that works without a key until it expires; nginx checks it itself."""
    wanted = wire.body(Share)
    if not 1 <= wanted.expires_in_seconds <= SHARE_MOST:
        raise BadParameterError("expires_in_seconds", f"expires_in_seconds must be from 1 to {SHARE_MOST:,}")
    clip = auth.visible(catalog().clip(bounded(clip_id)))
    expires = int(state().services.clock.now().timestamp()) + wanted.expires_in_seconds
    auth.audit("share", clip.key)
    address = f"{state().base}{presenting.clip_path(clip)}?{auth.signed_question('/' + clip.key, expires)}"
    body = ShareShape(address, presenting.utc(datetime.fromtimestamp(expires, UTC)))
    return wire.json_response(body, Cache_Control="no-store")


@route(bp, "/internal/media", role=None, internal=True)
def media() -> Response:
    """Whether whoever asks may read a clip or a poster: 204, 401 or 403; nginx remembers a 204 for a while."""
    path = wire.asked_path()
    try:
        auth.require(Role.VIEW)
        if auth.principal().cameras is not None:
            poster = re.fullmatch(r"/watcher/renditions/(?:\d+|proxies)/(\d+)-.*", path)
            clip = catalog().clip(bounded(int(poster[1]))) if poster else catalog().by_key(path.removeprefix("/"))
            if clip is None:
                return Response(status=403)
            auth.visible(clip)
    except SignInError:
        return problems.challenge(Response(status=401))
    except WatcherError as error:
        return Response(status=503 if problems.STATUS[type(error)] == 503 else 403)
    return Response(status=204)


def _form(told: str | None, status: int) -> Response:
    response = html("sign_in.html", told=told, next=_next())
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _next() -> str:
    """Where to go after signing in: an address of ours, whatever the question says."""
    home = url_for("browsing.browse")
    wanted = request.values.get("next", home)
    parts = urlsplit(wanted)
    ours = not parts.scheme and not parts.netloc and wanted.startswith(home) and "\\" not in wanted
    return wanted if ours and wanted.isprintable() else home
