"""Resumable uploads, tus 1.0.0 (https://tus.io/protocols/resumable-upload): creation, creation-with-upload,
termination, expiration, checksum."""  # noqa: D205, D209

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from email.utils import formatdate
from functools import wraps
from pathlib import Path

from flask import Blueprint, Response, request, url_for

from watcher.model.access import Role
from watcher.model.errors import BadParameterError, NotIsoMediaError, OffsetError, TooLargeError, WatcherError
from watcher.storage.ledger import Entry
from watcher.storage.spool import digest
from watcher.storage.upload import Done, Part, Upload
from watcher.web.api.uploads import body, instant, owner
from watcher.web.http import problems
from watcher.web.http.auth import allow_upload
from watcher.web.http.routes import View, route
from watcher.web.http.state import state

bp = Blueprint("tus", __name__)

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
CHECKSUMS = ("sha1", "sha256", "sha512", "md5")
CHECKSUM_MISMATCH = 460  # of the protocol
METADATA_MOST = 4000  # characters
_OFFSET_BODY = "application/offset+octet-stream"


def _tus(view: View) -> View:
    """What every request and every answer of the protocol has."""

    @wraps(view)
    def spoken(**values: str) -> Response:
        try:
            if request.method not in {"OPTIONS", "GET"} and request.headers.get("Tus-Resumable") != VERSION:
                response = problems.problem(412, "tus_version", "Another version of tus", f"This is tus {VERSION}.")
                response.headers["Tus-Version"] = VERSION
            else:
                response = view(**values)
        except WatcherError as error:
            response = problems.problem_of(error)
        response.headers["Tus-Resumable"] = VERSION
        response.headers["Cache-Control"] = "no-store"
        return response

    return spoken


@route(bp, "/tus", "OPTIONS", role=Role.UPLOAD, hidden=True)
@_tus
def options() -> Response:
    """What of the protocol is spoken here."""
    response = Response(status=204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(state().uploads.limits.clip_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(CHECKSUMS)
    return response


@route(bp, "/tus", "POST", role=Role.UPLOAD, hidden=True)
@_tus
def create() -> Response:
    """Begin an upload: Upload-Length, and Upload-Metadata with `camera`, `filename`, `started_at`, `sha256`.

    The last two may be left out. With `sha256` the whole is checked at the end, and what is here already need not
    be sent.
    """
    uploads = state().uploads
    length = _number("Upload-Length")
    text = request.headers.get("Upload-Metadata", "")
    metadata = _metadata(text)
    camera, name = metadata.get("camera", ""), metadata.get("filename", "")
    if not camera:
        raise BadParameterError("camera", "Upload-Metadata must name the camera")
    if started_at := metadata.get("started_at"):
        instant(started_at)
    sha256 = metadata.get("sha256") or None
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise BadParameterError("sha256", "sha256 must be 64 hexadecimal digits")
    allow_upload(camera)
    if sha256 is not None and (clip := uploads.here(camera, name, length, sha256)) is not None:
        done = Done(camera=camera, length=length, metadata=text, clip_id=clip.id, sha256=sha256)
        response = _answer_done(done, 201)  # nothing to send
        (upload := uploads.spool.new()).begin_done(done)
        response.headers["Location"] = state().base + url_for("tus.show", upload_id=upload.id)
        return response
    if length == 0:
        raise NotIsoMediaError("it has no bytes")
    uploads.check(camera, name, length)
    upload, now, sent = uploads.spool.new(), time.time(), body()
    uploads.budget.promise(
        Entry(upload.id, owner(), camera, length, now, path=f"tus/{upload.file.name}"),
        coming=length - (sent.stat().st_size if sent is not None else 0),
    )
    upload.begin(
        Part(
            camera=camera,
            name=name,
            length=length,
            metadata=text,
            started_at=instant(started_at).at.isoformat() if started_at else None,
            sha256=sha256,
            owner=owner(),
            begun_at=now,
        )
    )
    response = Response(status=201)
    if request.mimetype == _OFFSET_BODY and sent is not None and sent.stat().st_size:
        response = _append(upload, 0)
        if response.status_code == 204:
            response.status_code = 201
    response.headers["Location"] = state().base + url_for("tus.show", upload_id=upload.id)
    _expires(upload, response)
    return response


@route(bp, "/tus/<upload_id>", role=Role.UPLOAD, hidden=True)
@_tus
def show(upload_id: str) -> Response:
    """How much of an upload is here (HEAD): all of it only when it is a clip."""
    upload = state().uploads.spool.upload(upload_id)
    if (done := upload.done()) is not None:
        allow_upload(done.camera)
        response = _answer_done(done, 200 if request.method == "HEAD" else 204)
        response.headers["Upload-Length"] = str(done.length)
        response.headers["Upload-Metadata"] = done.metadata
        return response
    part, here = upload.part()
    allow_upload(part.camera)
    response = Response(status=200 if request.method == "HEAD" else 204)
    response.headers["Upload-Offset"] = str(part.offset(here))
    response.headers["Upload-Length"] = str(part.length)
    response.headers["Upload-Metadata"] = part.metadata
    _expires(upload, response)
    return response


@route(bp, "/tus/<upload_id>", "PATCH", role=Role.UPLOAD, hidden=True)
@_tus
def patch(upload_id: str) -> Response:
    """Send more of it, from Upload-Offset on; what is whole then becomes a clip."""
    if request.mimetype != _OFFSET_BODY:
        return problems.problem(
            415, "not_tus", "Not a piece of an upload", f"Its Content-Type must be {_OFFSET_BODY}."
        )
    return _append(state().uploads.spool.upload(upload_id), _number("Upload-Offset"))


@route(bp, "/tus/<upload_id>", "DELETE", role=Role.UPLOAD, hidden=True)
@_tus
def terminate(upload_id: str) -> Response:
    """Give an upload up; what has come of it is removed."""
    upload = state().uploads.spool.upload(upload_id)
    if (done := upload.done()) is not None:
        allow_upload(done.camera)
        upload.drop()
        return Response(status=204)
    part, _ = upload.part()
    allow_upload(part.camera)
    with upload.held():
        state().uploads.give_up(upload)
    return Response(status=204)


@route(bp, "/tus/<upload_id>", "POST", role=Role.UPLOAD, hidden=True)
@_tus
def override(upload_id: str) -> Response:
    """PATCH or DELETE of a client that cannot say so (X-HTTP-Method-Override)."""
    method = request.headers.get("X-HTTP-Method-Override", "").upper()
    if method == "PATCH":
        return patch.__wrapped__(upload_id=upload_id)  # type: ignore[attr-defined,no-any-return]
    if method == "DELETE":
        return terminate.__wrapped__(upload_id=upload_id)  # type: ignore[attr-defined,no-any-return]
    raise BadParameterError("X-HTTP-Method-Override", "must be PATCH or DELETE")


def _append(upload: Upload, at: int) -> Response:
    """Put the request's body behind what is here.

    1. the body is appended and synced, 2. what is whole becomes a clip, 3. the offset that follows is told. A crash
    after 1 leaves bytes that the client learns of when it asks, but for the last one; the ingester goes on with 2.
    """
    if (done := upload.done()) is not None:
        return _append_to_done(done, at)
    with upload.held():
        part, here = upload.part()
        allow_upload(part.camera)
        path = body()
        size = path.stat().st_size if path is not None else 0
        # Whoever knows better than what is told may say that all is here, to have its end tried again.
        if at != part.offset(here) and (at != here or size):
            raise OffsetError(f"the upload is at {part.offset(here)}, not at {at}")
        if at + size > part.length:
            raise TooLargeError(f"that would be {at + size:,} bytes of {part.length:,}")
        if path is not None and (refused := _checksum(path)) is not None:
            return refused
        # What is whole is not written to: it may have its clip's name already.
        if here < part.length:
            here = upload.append(at, path)
        if here == part.length:
            return _answer_done(part.done(state().uploads.finish(upload).clip.id), 204)
    response = Response(status=204)
    response.headers["Upload-Offset"] = str(part.offset(here))
    _expires(upload, response)
    return response


def _append_to_done(done: Done, at: int) -> Response:
    """There is nothing to append to what is a clip; who told the digest of those bytes need not send them."""
    allow_upload(done.camera)
    if at != done.length and done.sha256 is None:
        raise OffsetError(f"the upload is at {done.length}, not at {at}")
    return _answer_done(done, 204)


def _answer_done(done: Done, status: int) -> Response:
    response = Response(status=status)
    response.headers["Upload-Offset"] = str(done.length)
    response.headers["Content-Location"] = state().base + url_for("clips.show", clip_id=done.clip_id)
    return response


def _checksum(path: Path) -> Response | None:
    """460 if the body is not what Upload-Checksum says it is. Raises BadParameterError for what cannot be read."""
    text = request.headers.get("Upload-Checksum", "")
    if not text:
        return None
    algorithm, _, value = text.partition(" ")
    if algorithm not in CHECKSUMS:
        raise BadParameterError("Upload-Checksum", f"the algorithms are {', '.join(CHECKSUMS)}")
    try:
        expected = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise BadParameterError("Upload-Checksum", "it holds no base64") from None
    if hmac.compare_digest(digest(path, algorithm), expected):
        return None
    return problems.problem(CHECKSUM_MISMATCH, "checksum_mismatch", "The checksum does not match")


def _expires(upload: Upload, response: Response) -> None:
    if (at := upload.expires_at()) is not None:
        response.headers["Upload-Expires"] = formatdate(at, usegmt=True)


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadParameterError(header, f"{header} must be a number of bytes")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """Keys and values of Upload-Metadata. Raises BadParameterError."""
    if len(text) > METADATA_MOST:
        raise BadParameterError("Upload-Metadata", f"it may have {METADATA_MOST:,} characters")
    pairs = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition(" ")
        try:
            pairs[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BadParameterError("Upload-Metadata", f"the value of {name!r} is no base64 of UTF-8") from None
    return pairs
