"""Whom a request comes from, by what it brings: looked up once, and anew after a change of keys or sessions."""

from __future__ import annotations

import base64
import binascii
import contextlib
import threading
from typing import Any

import sqlalchemy as sa
from cachetools import TTLCache

from watcher.catalog.keys import Key
from watcher.model.access import ANYBODY, Principal, hashed
from watcher.model.errors import SignInError
from watcher.services import Services
from watcher.web.http.cookies import session_secret

REMEMBERED, REMEMBERED_SECONDS = 500, 60.0  # keys and sessions


class Authenticator:
    """Those who have keys and sessions, as far as they were here in the last minute."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open = services.settings.auth.mode == "open"
        self._base = services.settings.site.public_url
        self._lock = threading.Lock()
        self._version = -1
        # By whether it is a session's, and the secret's hash: a key or none, and whose use was noted.
        self._keys: TTLCache[tuple[bool, str], Key | None] = TTLCache(REMEMBERED, REMEMBERED_SECONDS)
        self._used: TTLCache[tuple[bool, str], bool] = TTLCache(REMEMBERED, REMEMBERED_SECONDS)

    def principal(self, environ: dict[str, Any]) -> Principal:
        """Who asks this (a WSGI environ): by a key in its header, else by a session's cookie.

        Raises SignInError where somebody has to say who they are and does not, or says it twice.
        """
        if self._open:
            return ANYBODY
        authorization, session = environ.get("HTTP_AUTHORIZATION", ""), session_secret(environ, self._base)
        if not (authorization or session):
            raise SignInError("send a key: Authorization: Bearer …, or Basic with the key as password")
        place = not authorization, hashed(_secret(authorization) if authorization else session)
        key = self._find(place)
        if key is None:
            raise SignInError("the key or the session is not known, was revoked, or has expired")
        self._note_use(place, key, environ.get("REMOTE_ADDR"))
        return key.principal

    def _find(self, place: tuple[bool, str]) -> Key | None:
        catalog, clock = self._services.catalog, self._services.clock
        version = catalog.database.counter("keys")
        session, digest = place
        with self._lock:
            if version != self._version:
                self._keys.clear()
                self._version = version
            with contextlib.suppress(KeyError):
                return self._in_force(self._keys[place])
        now = clock.now()
        key = catalog.sessions.get(digest, now=now) if session else catalog.keys.get(digest, now=now)
        with self._lock:
            if version == self._version:
                self._keys[place] = key
        return self._in_force(key)

    def _in_force(self, key: Key | None) -> Key | None:
        """What expires does so at its moment, whatever is remembered."""
        over = key is not None and key.expires_at is not None and key.is_over(self._services.clock.now())
        return None if over else key

    def _note_use(self, place: tuple[bool, str], key: Key, address: str | None) -> None:
        """Once a minute."""
        with self._lock:
            if place in self._used:
                return
            self._used[place] = True
        catalog, now = self._services.catalog, self._services.clock.now()
        with contextlib.suppress(sa.exc.DBAPIError):  # a full disk must not keep anybody from looking
            catalog.keys.note_use(key, now=now, address=address)
            if place[0]:
                catalog.sessions.note_use(place[1], now=now, address=address)


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
