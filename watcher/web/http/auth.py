"""Who asks: by key (Bearer, or Basic with the key as password), by session, or anybody where the service is open.

Media is nginx's, which asks `/internal/media` and remembers the answer for some seconds, of links that were shared
too. What a key may do is told by its role; cameras that it is not for do not exist for it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, g, request

from watcher.catalog.audit import By
from watcher.catalog.keys import Key
from watcher.catalog.sessions import ID_DIGITS
from watcher.model.access import Principal, Role, hashed, new_secret
from watcher.model.clip import Clip, ClipFilter
from watcher.model.errors import CrossSiteError, ForbiddenError
from watcher.naming.ignore import printable
from watcher.web.http import wire
from watcher.web.http.cookies import session_cookie, session_secret
from watcher.web.http.request import ApiRequest
from watcher.web.http.state import catalog, state

log = logging.getLogger("watcher.audit")

SESSION = timedelta(days=30)
SAFE = {"GET", "HEAD", "OPTIONS"}


def principal() -> Principal:
    """Who asks. Raises SignInError where somebody has to say who they are and does not."""
    if "principal" not in g:
        g.principal = state().authenticator.principal(request.environ)
    holder: Principal = g.principal
    return holder


def current_request() -> ApiRequest:
    """The question that Flask has in hand. Raises SignInError."""
    return ApiRequest(
        state(),
        principal(),
        request.args,
        request.script_root,
        request.full_path,
        request.environ.get("HTTP_COOKIE", ""),
    )


def require(role: Role | None) -> None:
    """Let only those pass who may. Raises SignInError, ForbiddenError, CrossSiteError."""
    _refuse_other_sites()
    if role is not None and not principal().may(role):
        raise ForbiddenError(f"the key {principal().name!r} has the role {principal().role}; this needs {role}")


def allow_upload(camera: str) -> None:
    """Whether whoever asks may send clips of this camera. Raises what `require` does."""
    require(Role.UPLOAD)
    if not principal().sees(camera):
        raise ForbiddenError(f"the key {principal().name!r} is not for the camera {camera!r}")


def scoped(clip_filter: ClipFilter) -> ClipFilter:
    """The part of a question that is about cameras that exist for whoever asks."""
    return current_request().scoped(clip_filter)


def visible(clip: Clip) -> Clip:
    """The clip, if its camera exists for whoever asks. Raises ClipNotFoundError."""
    return current_request().visible(clip)


def session_id() -> str | None:
    """The id of the session that asks; None of a key."""
    secret = session_secret(request.environ, state().base)
    return hashed(secret)[:ID_DIGITS] if secret and "Authorization" not in request.headers else None


def by() -> By:
    """Who does something now, for the audit."""
    holder = principal()
    return By(holder.name, state().services.clock.now(), request.remote_addr, holder.key_id)


def audit(action: str, about: str) -> None:
    """Note who did what; into the application's log."""
    log.info("%s by %s from %s: %s", action, principal().name, request.remote_addr, printable(about))


def open_session(key: Key, to: str) -> Response:
    """Sign a browser in as a key, and send it on."""
    secret, now = new_secret(), state().services.clock.now()
    mine = By(key.principal.name, now, request.remote_addr, key.id)
    agent = printable(request.headers.get("User-Agent", ""))
    catalog().keys.note_use(key, now=now, address=request.remote_addr)
    catalog().sessions.open(hashed(secret), key.id, until=now + SESSION, agent=agent, by=mine)
    response = wire.see_other(to)
    cookie = session_cookie(request.environ, state().base)
    response.set_cookie(
        cookie.name,
        secret,
        max_age=SESSION,
        path=cookie.path,
        secure=cookie.secure,
        httponly=True,
        samesite="Lax",
    )
    log.info("sign-in by %s from %s", key.principal.name, request.remote_addr)
    return response


def _refuse_other_sites() -> None:
    """Refuse to change anything for a page of another site, whose visitor's browser is asked to (CSRF).

    A browser says where a request comes from, and adds what it keeps: a session, but Basic credentials as well. Who
    is no browser says nothing of the kind. A page of an origin that is named may, with a key of its own.
    """
    # Of an upload nginx asks with GET, before it takes the body.
    if request.environ.get("WATCHER_METHOD", request.method) in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    settings = state().services.settings
    if origin in settings.site.allowed_origins and (
        "Authorization" in request.headers or settings.auth.mode == "open"
    ):
        return
    if origin == "null":  # of a page that hides where it comes from; ours does not
        foreign = True
    elif site is not None:  # no page can make that up
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and urlsplit(origin).netloc.lower() not in _hosts()
    if foreign:
        raise CrossSiteError("a page of another site may not change anything here")


def _hosts() -> set[str]:
    """What a browser may call this service: what it asked for, and what the settings say."""
    return {request.host.lower(), urlsplit(state().base).netloc.lower()} - {""}
