"""Before Flask: hot questions are answered at once, or again while that holds.

Of an answer that is kept nearly all cost would be Flask's; here it costs one look at the catalog's last change.
Of a page of clips Flask's part is a quarter, of one clip it is most.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from flask import request
from werkzeug.http import parse_etags

from watcher.model.access import Principal
from watcher.web.http import wire
from watcher.web.http.cache import Cache, CachedAnswer
from watcher.web.http.counters import Counters
from watcher.web.http.forwarded import Forwarded
from watcher.web.http.request import ApiRequest
from watcher.web.http.responses import kept_by
from watcher.web.http.routes import Declared, Question
from watcher.web.http.state import State

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

ROUTE = "watcher.route"  # in a request's environ: the endpoint that answers; not of what no route is for
_ESCAPED = "%!$&'()*+,;=:@/?~-._"  # characters of a question that stand for themselves
_NUMBER = "X-Request-Id"
_OF_A_BODY = {"Content-Type", "Content-Length", "Link"}  # headers that a 304 has not


_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {  # by converter: what is plain, and how it is read
    "int": (r"(\d{1,18})", int),
    "key": (r"([\w.~-]+(?:/[\w.~-]+)*)", str),
}


class Matcher:
    """Finds the question of a path; of ids and keys only plain ones, whatever else Flask would take for them."""

    def __init__(self, questions: Iterable[tuple[str, str, Question]]) -> None:
        self._plain: dict[str, tuple[str, Question]] = {}
        self._patterns: list[tuple[re.Pattern[str], str, Callable[[str], Any], str, Question]] = []
        for endpoint, rule, answer in questions:
            before, marker, rest = rule.partition("<")
            if not marker:
                self._plain[rule] = endpoint, answer
                continue
            value, after = rest.split(">")
            kind, name = value.split(":")
            pattern, read = _VALUES[kind]
            whole = re.compile(f"{re.escape(before)}{pattern}{re.escape(after)}", re.ASCII)
            self._patterns.append((whole, name, read, endpoint, answer))

    def find(self, path: str) -> tuple[str, Question] | None:
        """The endpoint of a path and what answers it; None for what only Flask knows."""
        if (plain := self._plain.get(path)) is not None:
            return plain
        for pattern, name, read, endpoint, answer in self._patterns:
            if match := pattern.fullmatch(path):
                return endpoint, functools.partial(answer, **{name: read(match[1])})
        return None


class FastPath:
    """A WSGI application before another one, which answers all that is not hot, and says all that is refused.

    `rules` are that one's: the endpoint of each, and what is declared of it.
    """

    def __init__(
        self,
        app: WSGIApplication,
        state: State,
        rules: Sequence[tuple[str, Declared]],
        questions: Iterable[tuple[str, str, Question]],
        counters: Counters,
    ) -> None:
        self._app = app
        self.matcher = Matcher(questions)
        self._declared = dict(rules)
        self._routes = {endpoint: number for number, (endpoint, _) in enumerate(rules)}
        self._counters = counters
        self._state = state
        self._varies = wire.varies(state.services.settings)
        self._cache = Cache()
        self._forwarded = Forwarded(state.services.settings.site)

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Question a request, and count it."""
        began = time.perf_counter()
        if not (query := environ.get("QUERY_STRING", "")).isascii():
            # Bytes that should have been written as escapes, which is what they are taken for.
            environ["QUERY_STRING"] = quote(query.encode("latin-1", "replace"), safe=_ESCAPED)
        head: list[Any] = ["500", []]  # status and headers, as they were said

        def hear(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            head[:] = [status, headers]
            return start(status, headers, *more)

        self._forwarded.put(environ)
        try:
            return self._answer(environ, hear)
        finally:
            if (route := self._routes.get(environ.get(ROUTE, ""))) is not None:
                self._counters.add(route, int(head[0][:3]), time.perf_counter() - began)

    def _answer(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_ORIGIN" in environ:  # which Flask lets in or not
            return self._app(environ, start)
        if (match := self.matcher.find(environ["PATH_INFO"])) is None:
            return self._app(environ, start)
        try:
            principal = self._state.authenticator.principal(environ)
            # From the first look on, since whoever waits for their turn to read had better not begin to work.
            with self._state.services.catalog.database.reading():
                answer = self._at_once(environ, principal, *match)
        except Exception:  # Flask will meet it too, and says and logs it as any other
            answer = None
        return self._app(environ, start) if answer is None else _give(answer, environ, start)

    def _at_once(
        self, environ: dict[str, Any], principal: Principal, endpoint: str, answer: Question
    ) -> CachedAnswer | None:
        """A hot question's answer, kept or made; None where Flask has to say it. Raises what is refused."""
        scheme, mount = environ["wsgi.url_scheme"], environ.get("SCRIPT_NAME", "").rstrip("/")
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        # Names of cameras cannot end their line, and nothing behind it can be taken for one.
        place = f"{principal.cameras}\n{scheme} {mount} {path}?{query}"
        services, declared = self._state.services, self._declared[endpoint]
        if declared.role is not None and not principal.may(declared.role):
            return None
        cached = self._cache.get(place)
        if cached is not None and cached.head == services.catalog.clips.head():
            return cached
        args = wire.parameters(query)
        if "%00" in query or not (path + query).isascii() or not args.keys() <= set(declared.takes):
            return None
        reply = answer(
            ApiRequest(self._state, principal, args, mount, f"{path}?{query}", environ.get("HTTP_COOKIE", ""))
        )
        headers = [*kept_by(reply).items(), *wire.hardened(services.settings, secure=scheme == "https")]
        if self._varies:
            headers.append(("Vary", ", ".join(self._varies)))
        headers.append(("ETag", f'W/"{reply.tag}"'))
        if _has(environ, reply.tag):
            return CachedAnswer(reply.head, reply.tag, headers, None, endpoint)
        if reply.by_tag:
            place = f"{scheme} {mount} {reply.tag}"
            if (cached := self._cache.get(place)) is not None:
                return cached
        content = reply.make()
        body = msgspec.json.encode(content.body)
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if content.link:
            headers.append(("Link", content.link))
        cached = CachedAnswer(reply.head, reply.tag, headers, body, endpoint)
        if reply.head is not None:
            self._cache.put(place, cached, len(body))
        return cached


def _has(environ: dict[str, Any], tag: str) -> bool:
    """Whether whoever asks has the answer of a tag."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    return tags is not None and parse_etags(tags).contains_weak(tag)


def _give(cached: CachedAnswer, environ: dict[str, Any], start: StartResponse) -> list[bytes]:
    environ[ROUTE] = cached.route
    number = [(_NUMBER, environ["WATCHER_REQUEST_ID"])] if environ.get("WATCHER_REQUEST_ID") else []
    if cached.body is None or _has(environ, cached.tag):
        start("304 NOT MODIFIED", [header for header in cached.headers if header[0] not in _OF_A_BODY] + number)
        return []
    start("200 OK", cached.headers + number)
    return [cached.body]


def note_route() -> None:
    """Which route a request is for, also when it will be refused."""
    if request.endpoint is not None:
        request.environ[ROUTE] = request.endpoint
