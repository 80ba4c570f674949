"""Answers under a tag: not sent to whoever has them, and not made again while nothing has changed."""

from __future__ import annotations

import msgspec
from flask import Response, request

from watcher import errors
from watcher.clip import Clip
from watcher.web import wire
from watcher.web.asked import Told, clip_tag
from watcher.web.auth import asked
from watcher.web.state import state


def told(found: Told) -> Response:
    """What was asked, as Flask answers it: 304 where the client has it, or what was given before."""
    if request.if_none_match.contains_weak(found.tag):
        return _tagged(Response(status=304, headers={"Cache-Control": "no-cache"}), found.tag)
    shelf, place = state().shelf, f"{found.head} {found.tag}"
    kept = None if found.head is None else shelf.get(place)
    if kept is None:
        made = found.make()
        kept = (msgspec.json.encode(made.body), made.link)
        if found.head is not None:
            shelf.put(place, kept, len(kept[0]))
    body, link = kept
    response = _tagged(wire.json_bytes(body), found.tag)
    if link:
        response.headers["Link"] = link
    return response


def _tagged(response: Response, tag: str) -> Response:
    """An answer with its tag; weak, since nginx compresses it for some clients and not for others."""
    response.set_etag(tag, weak=True)
    return response


def clip_response(clip: Clip) -> Response:
    """A clip as it is after a change."""
    return _tagged(wire.json_response(asked().bodies([clip])[0]), clip_tag(asked(), clip.id, clip.revision))


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
