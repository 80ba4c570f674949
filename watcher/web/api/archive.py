"""Several clips as one zip, made while it is sent: neither memory nor disk has to hold it."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request
from zipstream import ZipStream

from watcher.model.access import ANYBODY, Role
from watcher.model.clip import Clip, ClipState
from watcher.model.errors import BadParameterError, ClipNotFoundError
from watcher.web.http.auth import principal, visible
from watcher.web.http.query import bounded, texts
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.http.turns import give, paced

bp = Blueprint("archive", __name__)

CLIPS_MOST = 500
PIECE = 256 << 10  # bytes handed to uWSGI at a time


@route(bp, "/clips.zip", role=Role.VIEW, takes=("id",), media_type="application/zip", problems=(404, 429))
def clips_zip() -> Response:
    """The files of some clips, under their keys. What is no file any more is left out."""
    found = [clip for clip in (_clip(text) for text in _ids()) if clip.state not in _GONE]
    root = state().services.root
    archive = ZipStream(sized=True)
    for clip in found:
        if root.look(clip.key) is not None:
            archive.add_path(root.path(clip.key), clip.key)
    if archive.is_empty():
        raise ClipNotFoundError("none of these clips has a file")
    # Each holds one of a process's threads for as long as the client takes.
    who = principal()
    turn = state().turns.take(str(request.remote_addr) if who is ANYBODY else who.name)
    response = Response(paced(_pieces(archive)), mimetype="application/zip")
    response.content_length = len(archive)
    response.headers["Content-Disposition"] = f'attachment; filename="{_name(found)}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep up to a gigabyte of it on disk
    response.call_on_close(lambda: give(turn))
    return response


_GONE = {ClipState.MISSING, ClipState.RETIRED}


def _ids() -> tuple[str, ...]:
    found = texts(request.args, "id")
    if not 1 <= len(found) <= CLIPS_MOST:
        raise BadParameterError("id", f"give 1 to {CLIPS_MOST} ids")
    return found


def _clip(text: str) -> Clip:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadParameterError("id", f"id={text!r} must be a whole number")
    return visible(catalog().clip(bounded(int(text))))


def _pieces(archive: ZipStream) -> Iterator[bytes]:
    """Larger pieces than the library's, of which each costs a turn through uWSGI."""
    held = bytearray()
    for piece in archive:
        held += piece
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _name(clips: list[Clip]) -> str:
    """What the file is to be called: the first clip's start, so that two downloads are told apart."""
    first = min(clip.started_at for clip in clips).astimezone(state().zone)
    return f"clips-{first:%Y%m%d-%H%M%S}.zip"
