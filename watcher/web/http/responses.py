"""Answers under a tag, which are not sent to whoever has them."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request

from watcher.model import errors
from watcher.model.access import ANYBODY
from watcher.model.clip import Clip
from watcher.web.http import wire
from watcher.web.http.auth import current_request
from watcher.web.http.request import Answer, clip_tag
from watcher.web.http.state import state


def respond(answer: Answer) -> Response:
    """An answer as Flask gives it: 304 where the client has it."""
    if request.if_none_match.contains_weak(answer.tag):
        response = _tagged(Response(status=304, headers={"Cache-Control": "no-cache"}), answer.tag)
        response.headers.update(kept_by(answer))
        return response
    body = answer.make()
    response = _tagged(wire.json_response(body.body), answer.tag)
    response.headers.update(kept_by(answer))
    if body.link:
        response.headers["Link"] = body.link
    return response


def streamed(pieces: Iterator[bytes], content_type: str) -> Response:
    """An answer that is made while it is sent, and takes as long as its reader does. Raises TooManyError.

    It holds one of a process's threads for so long, in a turn of the reader's, which ends after some time where
    others wait. nginx would take it at once instead, and keep up to a gigabyte of it on the disk for each reader
    who is slow.
    """
    principal = current_request().principal
    turn = state().turns.take(str(request.remote_addr) if principal is ANYBODY else principal.person)
    response = Response(turn.paced(pieces), content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(turn.give)
    return response


def kept_by(answer: Answer) -> dict[str, str]:
    """Who may keep an answer: nobody between, nginx included, where it is one person's alone."""
    if answer.private:
        return {"Cache-Control": "private, no-cache", "X-Accel-Expires": "0"}
    return {"Cache-Control": "no-cache"}


def _tagged(response: Response, tag: str) -> Response:
    """An answer with its tag; weak, since nginx compresses it for some clients and not for others."""
    response.set_etag(tag, weak=True)
    return response


def clip_response(clip: Clip) -> Response:
    """A clip as it is after a change."""
    return _tagged(
        wire.json_response(current_request().bodies([clip])[0]), clip_tag(current_request(), clip.id, clip.revision)
    )


def expected_revision(clip: Clip) -> int | None:
    """The revision that a change is about, if the client says so. Raises ChangedError for a foreign tag.

    Whether it is too old is the catalog's to say. Tags are compared weakly: nginx makes them so when it compresses.
    """
    if not request.if_match or request.if_match.star_tag:
        return None
    for tag in request.if_match.as_set(include_weak=True):
        revision = tag.rpartition("-")[2]
        if revision.isascii() and revision.isdigit() and tag == clip_tag(current_request(), clip.id, int(revision)):
            return int(revision)
    raise errors.ChangedError(f"the clip is at revision {clip.revision}; read it again")
