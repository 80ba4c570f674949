"""Several clips as one zip, made while it is sent: neither memory nor disk has to hold it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, request
from zipstream import ZipStream

from watcher.model.access import Role
from watcher.model.clip import Clip, ClipState
from watcher.model.errors import BadParameterError, ClipNotFoundError
from watcher.storage.look import Look, look_of
from watcher.tiering.footage import ELSEWHERE, Footage
from watcher.web.http.auth import visible
from watcher.web.http.query import bounded, texts
from watcher.web.http.responses import streamed
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("archive", __name__)

CLIPS_MOST = 500
PIECE = 256 << 10  # bytes handed to uWSGI at a time


@route(bp, "/clips.zip", role=Role.VIEW, takes=("id",), media_type="application/zip", problems=(404, 429))
def clips_zip() -> Response:
    """The files of some clips, under their keys. What is no file any more is left out."""
    clips = [clip for clip in (_clip(text) for text in _ids()) if clip.state not in _GONE]
    footage = Footage.of(state().services, hurried=True)
    archive = ZipStream(sized=True)  # which is never read
    looks = [look for clip in clips if (look := footage.look(clip.key)) is not None]
    if not looks:
        raise ClipNotFoundError("none of these clips has a file")
    for look in looks:
        archive.add((), look.key, size=look.size_bytes)  # how long it will be
    response = streamed(_pieces(_zipped(footage, looks)), "application/zip")
    response.content_length = len(archive)
    response.headers["Content-Disposition"] = f'attachment; filename="{_name(clips)}"'
    return response


_GONE = {ClipState.MISSING, ClipState.RETIRED}


def _ids() -> tuple[str, ...]:
    ids = texts(request.args, "id")
    if not 1 <= len(ids) <= CLIPS_MOST:
        raise BadParameterError("id", f"give 1 to {CLIPS_MOST} ids")
    return ids


def _clip(text: str) -> Clip:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadParameterError("id", f"id={text!r} must be a whole number")
    return visible(catalog().clips.get(bounded(int(text))))


def _zipped(footage: Footage, looks: Sequence[Look]) -> Iterator[bytes]:
    """Each file by its descriptor, since a path that was looked at may lead elsewhere when it is opened.

    Raises OSError for a file that is gone or is another one now, and StoreAwayError: the answer is cut.
    """
    archive = ZipStream(sized=True)
    for look in looks:
        fd = footage.open(look.key)
        try:
            there = look_of(look.key, os.fstat(fd))
            if there.size_bytes != look.size_bytes or (look.inode != ELSEWHERE and there.mtime_ns != look.mtime_ns):
                raise OSError(errno.ESTALE, "it has changed meanwhile", look.key)
            archive.add_path(f"/proc/self/fd/{fd}", look.key, recurse=False)
            yield from archive.file()
        finally:
            os.close(fd)
    yield from archive.footer()


def _pieces(archive: Iterator[bytes]) -> Iterator[bytes]:
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
