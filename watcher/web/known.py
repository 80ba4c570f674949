"""Whom a request comes from, by what it brings: looked up once, and anew after a change of keys or sessions."""

from __future__ import annotations

import base64
import binascii
import contextlib
import threading
import time
from typing import Any

import sqlalchemy as sa

from watcher.access import ANYBODY, Principal, hashed
from watcher.catalog.keys import Key
from watcher.errors import SignInError
from watcher.web.cookies import session_secret
from watcher.wiring import Services

REMEMBERED, REMEMBERED_SECONDS = 500, 60.0  # keys and sessions


class Known:
    """Those who have keys and sessions, as far as they were here in the last minute."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open = services.settings.auth.mode == "open"
        self._base = services.settings.site.public_url
        self._lock = threading.Lock()
        self._version = -1
        # By whether it is a session's, and the secret's hash; a key or none, and until when that holds (monotonic).
        self._keys: dict[tuple[bool, str], tuple[Key | None, float]] = {}
        self._used: dict[int, float] = {}  # keys, and when their use was noted last

    def who(self, environ: dict[str, Any]) -> Principal:
        """Who asks this (a WSGI environ): by a key in its header, else by a session's cookie.

        Raises SignInError where somebody has to say who they are and does not, or says it twice.
        """
        if self._open:
            return ANYBODY
        authorization, session = environ.get("HTTP_AUTHORIZATION", ""), session_secret(environ, self._base)
        if not (authorization or session):
            raise SignInError("send a key: Authorization: Bearer …, or Basic with the key as password")
        key = self._find(_secret(authorization) if authorization else session, session=not authorization)
        if key is None:
            raise SignInError("the key or the session is not known, or was revoked")
        self._note_use(key)
        return key.principal

    def _find(self, secret: str, *, session: bool) -> Key | None:
        catalog = self._services.catalog
        version = catalog.counter("keys")
        kept = hashed(secret)
        place = session, kept
        with self._lock:
            if version != self._version or len(self._keys) > REMEMBERED:
                self._keys.clear()
                self._version = version
            key, until = self._keys.get(place, (None, 0.0))
        if until > time.monotonic():
            return key
        key = catalog.session_of(kept, now=self._services.clock.now()) if session else catalog.key_of(kept)
        with self._lock:
            if version == self._version:
                self._keys[place] = (key, time.monotonic() + REMEMBERED_SECONDS)
        return key

    def _note_use(self, key: Key) -> None:
        """Once a minute."""
        now = time.monotonic()
        if now - self._used.get(key.id, -REMEMBERED_SECONDS) >= REMEMBERED_SECONDS:
            self._used[key.id] = now
            with contextlib.suppress(sa.exc.DBAPIError):  # a full disk must not keep anybody from looking
                self._services.catalog.used_key(key, now=self._services.clock.now())


def _secret(authorization: str) -> str:
    """The key in an Authorization header. Raises SignInError."""
    kind, _, value = authorization.strip().partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            raise SignInError("the Authorization header cannot be read") from None
    raise SignInError("Authorization must be Bearer, or Basic with the key as password")
