"""Signing in and out, and what nginx asks about media."""

from __future__ import annotations

import contextlib
import math
import os
import re
from urllib.parse import urlsplit

from flask import Blueprint, Response, request, url_for
from werkzeug.http import http_date

from watcher.catalog.audit import By
from watcher.model.access import Role, hashed
from watcher.model.errors import SignInError, StoreAwayError, WatcherError
from watcher.storage import status
from watcher.tiering.footage import Footage
from watcher.web.api import shares
from watcher.web.http import auth, problems, wire
from watcher.web.http.cookies import session_cookie, session_secret
from watcher.web.http.query import bounded
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page.language import gettext as _
from watcher.web.page.layout import html

bp = Blueprint("signing", __name__)

SIGNED_SECONDS = (
    900  # for which the address of a clip in a bucket is good: for longer than it is kept, and clocks differ
)
KEPT_SECONDS, AWAY_SECONDS = 600, 4  # for which nginx keeps it: for so long one that was retired plays on
MEDIA_TYPES = {  # those of etc/nginx/clip.conf
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "ts": "video/mp2t",
    "m2ts": "video/mp2t",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "3gp": "video/3gpp",
    "flv": "video/x-flv",
}


@route(bp, "/sign-in", role=None, page=True)
def form() -> Response:
    """The form for a key, or, with a link that `watcher up` printed, a button that uses it.

    Looking at a link does not use it: previews of messengers and mail programs look at each.
    """
    link = request.args.get("link", "")
    if not link:
        return _form(None, 200)
    if catalog().sessions.link_key(hashed(link), now=state().services.clock.now()) is None:
        return _refused(_no_link())
    return _form(None, 200, link=link)


@route(bp, "/sign-in", "POST", role=None, page=True)
def sign_in() -> Response:
    """Open a session for a key, or for who has a link, which is used up then."""
    now = state().services.clock.now()
    if link := request.form.get("link", ""):
        key = catalog().sessions.use_link(hashed(link), now=now)
    else:
        key = catalog().keys.get(hashed(request.form.get("key", "").strip()), now=now)
    if key is None or not key.principal.may(Role.VIEW):
        return _refused(_no_link() if link else _("That is no key that may see clips."))
    return auth.open_session(key, _next())


@route(bp, "/sign-out", "POST", role=None, page=True)
def sign_out() -> Response:
    """End the session."""
    with contextlib.suppress(SignInError):  # several sessions: none of them is believed, and the cookie goes
        if secret := session_secret(request.environ, state().base):
            catalog().sessions.close(hashed(secret), by=_whoever())
    response = wire.see_other(url_for("signing.form"))
    cookie = session_cookie(request.environ, state().base)
    response.delete_cookie(cookie.name, path=cookie.path, secure=cookie.secure, httponly=True, samesite="Lax")
    return response


@route(bp, "/internal/media", role=None, internal=True)
def media() -> Response:
    """Whether whoever asks may read a clip or a poster: 204, 401 or 403; nginx remembers a 204 for a while."""
    return _may_read(wire.request_path())


@route(bp, "/internal/cold", role=None, internal=True)
def cold() -> Response:
    """Where a clip lies that is not in the video root: in a store's folder, at a signed address, or nowhere.

    Whether whoever asks may see it was asked before; so the answer is the same for all, and nginx keeps it.
    """
    path, response = wire.request_path(), Response(status=204)
    if not wire.is_text(path):
        return response
    headers = response.headers
    try:
        place = Footage.of(state().services).place(path.removeprefix("/"), SIGNED_SECONDS)
    except StoreAwayError:
        headers["X-Watcher-Why"] = "away"
        return response
    if place is None:
        return response
    if place.folder is not None:
        headers["X-Watcher-Root"], headers["X-Watcher-Path"] = _as_header(place.folder), _as_header(place.path)
        return response
    if place.copy is not None:  # which nginx looks for first
        headers["X-Watcher-Root"], headers["X-Watcher-Path"] = (
            _as_header(str(place.copy.parent)),
            f"/{place.copy.name}",
        )
    # As nginx itself says of a file: its type by its name, its ETag by seconds and bytes.
    seconds, size = place.lying.mtime_ns // 10**9, place.lying.size_bytes
    headers["X-Watcher-Store"], headers["X-Watcher-Address"] = place.store, place.path
    headers["X-Watcher-Type"] = MEDIA_TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")
    headers["X-Watcher-Etag"] = f'"{seconds:x}-{size:x}"'
    headers["X-Watcher-Modified"], headers["X-Watcher-Size"] = http_date(seconds), str(size)
    headers["X-Accel-Expires"] = str(KEPT_SECONDS)
    state_file = status.read(state().services.places.status)
    if state_file is not None and place.store in state_file[0].away:  # then its word that nothing is there is none
        headers["X-Watcher-Why"], headers["X-Accel-Expires"] = "away", str(AWAY_SECONDS)
    return response


def _as_header(path: str) -> str:
    """A path's bytes, as WSGI hands them on (PEP 3333)."""
    return os.fsencode(path).decode("latin-1")


def _may_read(path: str) -> Response:
    try:
        text = wire.is_text(path)  # no clip has another name, and no database takes one
        if text and shares.shows(path):
            return Response(status=204)
        auth.require(Role.VIEW)
        if auth.principal().cameras is not None:
            if not text:
                return Response(status=403)
            poster = re.fullmatch(r"/watcher/renditions/(?:\d+|proxies)/(\d+)-.*", path)
            clip = (
                catalog().clips.get(bounded(int(poster[1])))
                if poster
                else catalog().clips.by_key(path.removeprefix("/"))
            )
            if clip is None:
                return Response(status=403)
            auth.visible(clip)
    except SignInError:
        return problems.challenge(Response(status=401))
    except WatcherError as error:
        return Response(status=503 if problems.STATUS[type(error)] == 503 else 403)
    return Response(status=204)


def _no_link() -> str:
    return _("That link has been used, or is too old.")


def _refused(text: str) -> Response:
    """The form again; who fails too often is told to wait, and is let in all the same with a right key."""
    wait = state().attempts.failed(request.remote_addr or "")
    if not wait:
        return _form(text, 401)
    response = _form(f"{text} {_('Too many have failed from your address; wait a minute.')}", 429)
    response.headers["Retry-After"] = str(math.ceil(wait))
    return response


def _form(text: str | None, status: int, *, link: str = "") -> Response:
    response = html("sign_in.html", problem=text, next=_next(), link=link)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    # Its address may hold a link, which must not stand in a log of ours either. "no-referrer" would take the origin
    # from the form as well, by which we know it for ours.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _whoever() -> By | None:
    """Who signs out; None where the session is over already."""
    try:
        return auth.by()
    except SignInError:
        return None


def _next() -> str:
    """Where to go after signing in: an address of ours, whatever the question says."""
    home = url_for("browsing.browse")
    target = request.values.get("next", home)
    parts = urlsplit(target)
    ours = not parts.scheme and not parts.netloc and target.startswith(home) and "\\" not in target
    return target if ours and target.isprintable() else home
