"""Before Flask, where the service is open to all: hot questions are answered at once, or again while that holds.

Of an answer that is kept nearly all cost would be Flask's; here it costs one look at the catalog's last change.
Of a page of clips Flask's part is a quarter, of one clip it is most.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from flask import request
from werkzeug.http import parse_etags

from watcher.access import ANYBODY
from watcher.errors import CatalogError
from watcher.web import hot, wire
from watcher.web.asked import Asked
from watcher.web.shelf import Shelf
from watcher.web.state import State
from watcher.web.tally import Tally

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

ROUTE = "watcher.route"  # in a request's environ: the endpoint that answers; not of what no route is for
_NUMBER = "X-Request-Id"
_OF_A_BODY = {"Content-Type", "Content-Length", "Link"}  # headers that a 304 has not


class Kept(NamedTuple):
    """An answer, which holds as long as the catalog's last change is this one."""

    head: int | None
    tag: str
    headers: list[tuple[str, str]]
    body: bytes | None  # None: whoever asks has it
    route: str


class Front:
    """A WSGI application before another one, which answers all that is not hot, and says all that is refused.

    `rules` are that one's: the endpoint of each, and the parameters that it takes.
    """

    def __init__(
        self, app: WSGIApplication, state: State, rules: Sequence[tuple[str, Collection[str]]], tally: Tally
    ) -> None:
        self._app = app
        self._takes = {endpoint: frozenset(takes) for endpoint, takes in rules}
        self._routes = {endpoint: number for number, (endpoint, _) in enumerate(rules)}
        self._tally = tally
        self._state = state
        settings = state.services.settings
        # With keys or other origins an answer depends on who asks.
        self._shared = settings.auth.mode == "open" and not settings.site.allowed_origins
        self._shelf: Shelf[Kept] = Shelf()

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer a request, and count it."""
        began = time.perf_counter()
        told: list[Any] = ["500", []]  # status and headers, as they were said

        def hear(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            told[:] = [status, headers]
            return start(status, headers, *more)

        try:
            return self._answer(environ, hear)
        finally:
            if (route := self._routes.get(environ.get(ROUTE, ""))) is not None:
                self._tally.add(route, int(told[0][:3]), time.perf_counter() - began)

    def _answer(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        if not self._shared or environ["REQUEST_METHOD"] != "GET" or "HTTP_AUTHORIZATION" in environ:
            return self._app(environ, start)
        mount, question = environ.get("SCRIPT_NAME", ""), environ.get("QUERY_STRING", "")
        place = f"{environ['wsgi.url_scheme']} {mount} {environ['PATH_INFO']}?{question}"
        kept = self._shelf.get(place)
        if kept is not None and kept.head == self._head():
            return _give(kept, environ, start)
        if (made := self._at_once(environ, place)) is not None:
            return _give(made, environ, start)
        return self._app(environ, start)

    def _head(self) -> int | None:
        try:
            return self._state.services.catalog.head()
        except CatalogError:
            return None  # the application says so in its own words

    def _at_once(self, environ: dict[str, Any], place: str) -> Kept | None:
        """A hot question's answer; None where Flask has to say it, such as every refusal."""
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        mount = environ.get("SCRIPT_NAME", "").rstrip("/")
        found = hot.find(path)
        if found is None or "%00" in query or not place.isascii():
            return None
        endpoint, answer = found
        args = wire.parameters(query)
        if not args.keys() <= self._takes[endpoint]:
            return None
        headers = [("Cache-Control", "no-cache")]
        headers += wire.hardened(self._state.services.settings, secure=environ["wsgi.url_scheme"] == "https")
        try:
            with self._state.services.catalog.reading():
                told = answer(Asked(self._state, ANYBODY, args, mount, f"{path}?{query}"))
                headers.append(("ETag", f'W/"{told.tag}"'))
                if _has(environ, told.tag):
                    return Kept(told.head, told.tag, headers, None, endpoint)
                if told.by_tag:
                    place = f"{place.partition('?')[0]} {told.tag}"
                    if (kept := self._shelf.get(place)) is not None:
                        return kept
                made = told.make()
        except Exception:  # Flask will meet it too, and says and logs it as any other
            return None
        body = msgspec.json.encode(made.body)
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if made.link:
            headers.append(("Link", made.link))
        kept = Kept(told.head, told.tag, headers, body, endpoint)
        if told.head is not None:
            self._shelf.put(place, kept, len(body))
        return kept


def _has(environ: dict[str, Any], tag: str) -> bool:
    """Whether whoever asks has the answer of a tag."""
    told = environ.get("HTTP_IF_NONE_MATCH")
    return told is not None and parse_etags(told).contains_weak(tag)


def _give(kept: Kept, environ: dict[str, Any], start: StartResponse) -> list[bytes]:
    environ[ROUTE] = kept.route
    number = [(_NUMBER, environ["WATCHER_REQUEST_ID"])] if environ.get("WATCHER_REQUEST_ID") else []
    if kept.body is None or _has(environ, kept.tag):
        start("304 NOT MODIFIED", [one for one in kept.headers if one[0] not in _OF_A_BODY] + number)
        return []
    start("200 OK", kept.headers + number)
    return [kept.body]


def note_route() -> None:
    """Which route a request is for, also when it will be refused."""
    if request.endpoint is not None:
        request.environ[ROUTE] = request.endpoint
