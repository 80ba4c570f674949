"""Before Flask: answers that were given before and still hold, where the service is open to all.

Of an answer that is kept nearly all cost is Flask's. Here it costs one look at the catalog's last change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import request
from werkzeug.http import parse_etags

from watcher.errors import CatalogError
from watcher.web.tally import Tally
from watcher.wiring import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

# In a request's environ: that this is here, and (head, tag) of an answer that may be kept.
ACTIVE, HOLDS = "watcher.front", "watcher.holds"
ROUTE = "watcher.route"  # the endpoint that answers; not of what no route is for
ANSWER_BYTES_MOST = 200_000
OVERHEAD_BYTES = 1000  # of an answer besides its body and its question
BYTES_MOST = 1 << 20  # of all answers that one process keeps
_NUMBER = "X-Request-Id"


class Kept(NamedTuple):
    """An answer, which holds as long as the catalog's last change is this one."""

    head: int
    tag: str
    headers: list[tuple[str, str]]
    body: bytes
    cost_bytes: int
    route: str


class Front:
    """A WSGI application before another one; what that one marks as `HOLDS` is kept and given again."""

    def __init__(self, app: WSGIApplication, services: Services, endpoints: Sequence[str], tally: Tally) -> None:
        self._app = app
        self._routes = {endpoint: number for number, endpoint in enumerate(endpoints)}
        self._tally = tally
        self._services = services
        settings = services.settings
        # With keys or other origins an answer depends on who asks.
        self._shared = settings.auth.mode == "open" and not settings.site.allowed_origins
        self._lock = threading.Lock()  # guards the following two
        self._kept: dict[str, Kept] = {}
        self._bytes = 0

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer a request, and count it."""
        began = time.perf_counter()
        told: list[Any] = ["500", []]  # status and headers, as they were said

        def hear(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            told[:] = [status, headers]
            return start(status, headers, *more)

        try:
            return self._answer(environ, hear, told)
        finally:
            if (route := self._routes.get(environ.get(ROUTE, ""))) is not None:
                self._tally.add(route, int(told[0][:3]), time.perf_counter() - began)

    def _answer(self, environ: dict[str, Any], start: StartResponse, told: list[Any]) -> Iterable[bytes]:
        if not self._shared or environ["REQUEST_METHOD"] != "GET" or "HTTP_AUTHORIZATION" in environ:
            return self._app(environ, start)
        mount, question = environ.get("SCRIPT_NAME", ""), environ.get("QUERY_STRING", "")
        place = f"{environ['wsgi.url_scheme']} {mount} {environ['PATH_INFO']}?{question}"
        kept = self._kept.get(place)
        if kept is not None and kept.head == self._head():
            environ[ROUTE] = kept.route
            return _again(kept, environ, start)
        environ[ACTIVE] = True
        pieces = self._app(environ, start)
        status, headers = told
        if HOLDS not in environ or not status.startswith("200 "):
            return pieces
        try:
            body = b"".join(pieces)
        finally:
            if (close := getattr(pieces, "close", None)) is not None:  # PEP 3333: whoever reads it all closes it
                close()
        head, tag = environ[HOLDS]
        cost = len(body) + 4 * len(place) + OVERHEAD_BYTES  # a long question is not for nothing
        lasting = [one for one in headers if one[0] != _NUMBER]
        self._keep(place, Kept(head, tag, lasting, body, cost, environ[ROUTE]))
        return [body]

    def _head(self) -> int | None:
        try:
            return self._services.catalog.head()
        except CatalogError:
            return None  # the application says so in its own words

    def _keep(self, place: str, answer: Kept) -> None:
        """The eldest make room."""
        if len(answer.body) > ANSWER_BYTES_MOST:
            return
        with self._lock:
            if (old := self._kept.pop(place, None)) is not None:
                self._bytes -= old.cost_bytes
            self._kept[place] = answer
            self._bytes += answer.cost_bytes
            while self._bytes > BYTES_MOST:
                self._bytes -= self._kept.pop(next(iter(self._kept))).cost_bytes


def _again(kept: Kept, environ: dict[str, Any], start: StartResponse) -> list[bytes]:
    number = [(_NUMBER, environ["WATCHER_REQUEST_ID"])] if environ.get("WATCHER_REQUEST_ID") else []
    if parse_etags(environ.get("HTTP_IF_NONE_MATCH")).contains_weak(kept.tag):
        without = [one for one in kept.headers if one[0] not in {"Content-Type", "Content-Length", "Link"}]
        start("304 NOT MODIFIED", without + number)
        return []
    start("200 OK", kept.headers + number)
    return [kept.body]


def note_route() -> None:
    """Which route a request is for, also when it will be refused."""
    if request.endpoint is not None:
        request.environ[ROUTE] = request.endpoint
