"""Resumable uploads, tus 1.0.0 (https://tus.io/protocols/resumable-upload): creation, creation-with-upload,
termination, expiration, checksum."""  # noqa: D205, D209

from __future__ import annotations

import base64
import binascii
import hmac
import re
from email.utils import formatdate
from functools import wraps
from pathlib import Path

from flask import Blueprint, Response, request, url_for

from watcher.access import Role
from watcher.errors import BadParameterError, BrokenClipError, OffsetError, TooLargeError, WatcherError
from watcher.spool import Part, digest
from watcher.web import problems
from watcher.web.auth import allow_upload
from watcher.web.routes import View, route
from watcher.web.state import state
from watcher.web.uploads import body, received, said

bp = Blueprint("tus", __name__)

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
CHECKSUMS = ("sha1", "sha256", "sha512", "md5")
CHECKSUM_MISMATCH = 460  # of the protocol
DONE = "A" * 22  # the address of uploads for which there was nothing to send
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
        said(started_at)
    sha256 = metadata.get("sha256") or None
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise BadParameterError("sha256", "sha256 must be 64 hexadecimal digits")
    allow_upload(camera)
    uploads.check(camera, name, length)
    if sha256 is not None and (clip := uploads.here(camera, name, length, sha256)) is not None:
        response = Response(status=201)  # nothing to send: its address is that of an upload which is done
        response.headers["Location"] = state().base + url_for("tus.show", upload=DONE)
        response.headers["Upload-Offset"] = str(length)
        response.headers["Content-Location"] = state().base + url_for("clips.show", clip_id=clip.id)
        return response
    upload = uploads.spool.begin(
        Part(camera=camera, name=name, length=length, metadata=text, started_at=started_at or None, sha256=sha256)
    )
    response = Response(status=201)
    if request.mimetype == _OFFSET_BODY and (body_ := body()) is not None and body_.stat().st_size:
        response = _append(upload, 0)
        if response.status_code == 204:
            response.status_code = 201
    elif length == 0:
        response = _finish(upload)
    response.headers["Location"] = state().base + url_for("tus.show", upload=upload)
    _expires(upload, response)
    return response


@route(bp, "/tus/<upload>", role=Role.UPLOAD, hidden=True)
@_tus
def show(upload: str) -> Response:
    """How much of an upload is here (HEAD)."""
    part, offset = state().uploads.spool.part(upload)
    allow_upload(part.camera)
    response = Response(status=200 if request.method == "HEAD" else 204)
    response.headers["Upload-Offset"] = str(offset)
    response.headers["Upload-Length"] = str(part.length)
    response.headers["Upload-Metadata"] = part.metadata
    _expires(upload, response)
    return response


@route(bp, "/tus/<upload>", "PATCH", role=Role.UPLOAD, hidden=True)
@_tus
def patch(upload: str) -> Response:
    """Send more of it, from Upload-Offset on; what is whole then becomes a clip."""
    if request.mimetype != _OFFSET_BODY:
        return problems.problem(
            415, "not_tus", "Not a piece of an upload", f"Its Content-Type must be {_OFFSET_BODY}."
        )
    return _append(upload, _number("Upload-Offset"))


@route(bp, "/tus/<upload>", "DELETE", role=Role.UPLOAD, hidden=True)
@_tus
def terminate(upload: str) -> Response:
    """Give an upload up; what has come of it is removed."""
    spool = state().uploads.spool
    part, _ = spool.part(upload)
    allow_upload(part.camera)
    with spool.held(upload):
        spool.drop(upload)
    return Response(status=204)


@route(bp, "/tus/<upload>", "POST", role=Role.UPLOAD, hidden=True)
@_tus
def override(upload: str) -> Response:
    """PATCH or DELETE of a client that cannot say so (X-HTTP-Method-Override)."""
    method = request.headers.get("X-HTTP-Method-Override", "").upper()
    if method == "PATCH":
        return patch.__wrapped__(upload=upload)  # type: ignore[attr-defined,no-any-return]
    if method == "DELETE":
        return terminate.__wrapped__(upload=upload)  # type: ignore[attr-defined,no-any-return]
    raise BadParameterError("X-HTTP-Method-Override", "must be PATCH or DELETE")


def _append(upload: str, at: int) -> Response:
    """Put the request's body behind what is here.

    1. the body is appended and synced, 2. the offset that follows is told. A crash between the two leaves bytes
    that the client learns of when it asks.
    """
    uploads = state().uploads
    spool = uploads.spool
    with spool.held(upload):
        part, offset = spool.part(upload)
        allow_upload(part.camera)
        if at != offset:
            raise OffsetError(f"the upload is at {offset}, not at {at}")
        path = body()
        size = path.stat().st_size if path is not None else 0
        if offset + size > part.length:
            raise TooLargeError(f"that would be {offset + size:,} bytes of {part.length:,}")
        if path is not None and (refused := _checksum(path)) is not None:
            return refused
        offset = spool.append(upload, path)
        if offset == part.length:
            return _finish(upload)
    response = Response(status=204)
    response.headers["Upload-Offset"] = str(offset)
    _expires(upload, response)
    return response


def _finish(upload: str) -> Response:
    """Let a whole upload become its clip.

    What cannot be taken as it is (no clip, the name of another) is dropped: sending more of it would not help.
    A full disk keeps it, and an empty PATCH tries again.
    """
    uploads = state().uploads
    part, offset = uploads.spool.part(upload)
    start = None if part.started_at is None else said(part.started_at)
    try:
        digests = None if part.sha256 is None else {"sha256": bytes.fromhex(part.sha256)}
        done = uploads.receive(uploads.spool.file(upload), part.camera, part.name, start=start, digests=digests)
    except WatcherError as error:
        if isinstance(error, BrokenClipError) or problems.STATUS[type(error)] in {400, 409, 413}:
            uploads.spool.drop(upload)
        raise
    uploads.spool.drop(upload)
    response = Response(status=204)
    response.headers["Upload-Offset"] = str(offset)
    response.headers["Content-Location"] = received(done).headers["Location"]
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


def _expires(upload: str, response: Response) -> None:
    try:
        at = state().uploads.spool.expires_at(upload)
    except FileNotFoundError:  # it is done
        return
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
    found = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BadParameterError("Upload-Metadata", f"the value of {name!r} is no base64 of UTF-8") from None
    return found
