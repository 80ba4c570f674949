"""Answers under a tag: not sent to whoever has them, and not made again while nothing has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Response, g, request

from watcher import errors
from watcher.clip import Clip
from watcher.web import wire
from watcher.web.asked import ACTIVE, HOLDS, Told, clip_tag
from watcher.web.auth import asked
from watcher.web.state import catalog

ANSWERS_MOST = 100
ANSWER_BYTES_MOST = 200_000
BYTES_MOST = 1 << 20  # of all answers that one process keeps


class Answers:
    """The answers that were given last, by the catalog's last change and their tag: none is ever stale."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[bytes, list[tuple[str, str]]]] = {}
        self._bytes = 0

    def get(self, tag: str) -> Response | None:
        """The answer that was given under this tag, if it is still here."""
        with self._lock:
            found = self._kept.get(tag)
        return None if found is None else Response(found[0], headers=found[1])

    def put(self, tag: str, response: Response) -> None:
        """Keep an answer; the eldest make room."""
        data = response.get_data()
        if len(data) > ANSWER_BYTES_MOST:
            return
        with self._lock:
            if tag in self._kept:
                return
            self._kept[tag] = (data, list(response.headers))
            self._bytes += len(data)
            while self._bytes > BYTES_MOST or len(self._kept) > ANSWERS_MOST:
                gone = self._kept.pop(next(iter(self._kept)))
                self._bytes -= len(gone[0])


_answers = Answers()


def now() -> int:
    """The catalog's last change, asked for before an answer is made: the answer holds until the next one."""
    g.head = catalog().head()
    return int(g.head)


def list_tag() -> str:
    """The tag of an answer to this question by the catalog as it is now."""
    return asked().listed_tag(now())


def answer(tag: str, make: Callable[[], Response], *, by_tag: bool = False) -> Response:
    """304 where the client has this answer (If-None-Match), the one that was given before, or else a new one.

    `by_tag`: its question may be answered otherwise while nothing changes, so the front is not to keep it by that.
    """
    if request.if_none_match.contains_weak(tag):
        return _tagged(Response(status=304, headers={"Cache-Control": "no-cache"}), tag)
    if g.head is None:
        return _tagged(make(), tag)
    if ACTIVE in request.environ and not by_tag:
        return _held(_tagged(make(), tag), tag)
    place = f"{g.head} {tag}"  # a clip's tag does not name the catalog's last change
    response = _answers.get(place)
    if response is None:
        response = _tagged(make(), tag)
        _answers.put(place, response)
    return response


def told(found: Told) -> Response:
    """What was asked, as Flask answers it."""
    g.head = found.head

    def make() -> Response:
        made = found.make()
        response = wire.json_response(made.body)
        if made.link:
            response.headers["Link"] = made.link
        return response

    return answer(found.tag, make, by_tag=found.by_tag)


def _held(response: Response, tag: str) -> Response:
    """Let it be kept before us (see `front.py`)."""
    request.environ[HOLDS] = (g.head, tag)
    return response


def _tagged(response: Response, tag: str) -> Response:
    """An answer with its tag; weak, since nginx compresses it for some clients and not for others."""
    response.set_etag(tag, weak=True)
    return response


def clip_response(clip: Clip) -> Response:
    """One clip, or 304 where the client has it; kept where `now` was asked before the clip."""
    mark = clip_tag(asked(), clip.id, clip.revision)
    if request.method in {"GET", "HEAD"} and request.if_none_match.contains_weak(mark):
        return _tagged(Response(status=304, headers={"Cache-Control": "no-cache"}), mark)
    response = _tagged(wire.json_response(asked().bodies([clip])[0]), mark)
    return _held(response, mark) if ACTIVE in request.environ and "head" in g else response


def expected_revision(clip: Clip) -> int | None:
    """The revision that a change is about, if the client says so. Raises ChangedError for a foreign tag.

    Whether it is too old is the catalog's to say. Tags are compared weakly: nginx makes them so when it compresses.
    """
    if not request.if_match or request.if_match.star_tag:
        return None
    for told in request.if_match.as_set(include_weak=True):
        revision = told.rpartition("-")[2]
        if revision.isascii() and revision.isdigit() and told == clip_tag(asked(), clip.id, int(revision)):
            return int(revision)
    raise errors.ChangedError(f"the clip is at revision {clip.revision}; read it again")
