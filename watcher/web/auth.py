"""Who asks: by key (Bearer, or Basic with the key as password), by session, or anybody where the service is open.

Media is nginx's, which asks `/internal/media` and remembers the answer for some seconds; links that were shared it
checks itself. What a key may do is told by its role; cameras that it is not for do not exist for it.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, g, request

from watcher.access import Principal, Role, hashed, new_secret
from watcher.catalog.keys import Key
from watcher.clip import Clip, ClipFilter
from watcher.errors import (
    CrossSiteError,
    ForbiddenError,
    TooManyError,
)
from watcher.web import wire
from watcher.web.asked import Asked
from watcher.web.cookies import session_cookie
from watcher.web.state import catalog, state

log = logging.getLogger("watcher.audit")

SESSION = timedelta(days=30)
SAFE = {"GET", "HEAD", "OPTIONS"}
ATTEMPTS_MOST, ATTEMPTS_SECONDS = 10, 60.0  # of one address that fail to sign in
ADDRESSES_MOST = 500


class Attempts:
    """Sign-ins that failed, by address. Of one process: keys cannot be guessed, so this only spares the log."""

    def __init__(self) -> None:
        self._failed: dict[str, list[float]] = {}

    def refuse(self, address: str) -> None:
        """Raise TooManyError for an address that failed too often."""
        since = time.monotonic() - ATTEMPTS_SECONDS
        recent = [at for at in self._failed.get(address, []) if at > since]
        if len(recent) >= ATTEMPTS_MOST:
            raise TooManyError("too many sign-ins have failed; wait a minute")
        self._failed = {**dict(list(self._failed.items())[-ADDRESSES_MOST:]), address: recent}

    def note(self, address: str) -> None:
        """One more has failed."""
        self._failed.setdefault(address, []).append(time.monotonic())


attempts = Attempts()


def principal() -> Principal:
    """Who asks. Raises SignInError where somebody has to say who they are and does not."""
    if "principal" not in g:
        g.principal = state().known.who(request.environ)
    found: Principal = g.principal
    return found


def asked() -> Asked:
    """The question that Flask has in hand. Raises SignInError."""
    return Asked(state(), principal(), request.args, request.script_root, request.full_path)


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


def scoped(wanted: ClipFilter) -> ClipFilter:
    """The part of a question that is about cameras that exist for whoever asks."""
    return asked().scoped(wanted)


def visible(clip: Clip) -> Clip:
    """The clip, if its camera exists for whoever asks. Raises ClipNotFoundError."""
    return asked().visible(clip)


def audit(action: str, about: str) -> None:
    """Note who did what; into the application's log."""
    log.info("%s by %s from %s: %s", action, principal().name, request.remote_addr, about)


def open_session(key: Key, to: str) -> Response:
    """Sign a browser in as a key, and send it on."""
    secret = new_secret()
    catalog().open_session(hashed(secret), key.id, until=state().services.clock.now() + SESSION)
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


def signed_question(path: str, expires: int) -> str:
    """The question that lets anybody read a path until a moment (seconds since 1970); nginx checks it.

    nginx's secure_link knows only MD5; a forger would need a second preimage of it, with a secret in it.
    """
    text = f"{expires}{path} {state().link_secret}"
    digest = hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
    return f"expires={expires}&sig={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _refuse_other_sites() -> None:
    """Refuse to change anything for a page of another site, whose visitor's browser is asked to (CSRF).

    A browser says where a request comes from; who is no browser brings a key on purpose.
    """
    if request.method in SAFE or "Authorization" in request.headers:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign and origin not in state().services.settings.site.allowed_origins:
        raise CrossSiteError("a page of another site may not change anything here")
