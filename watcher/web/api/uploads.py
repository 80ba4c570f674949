"""Uploads over HTTP: nginx has spooled the body when we are asked, and no byte of it passes here."""

from __future__ import annotations

import base64
import binascii
import functools
import re
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec
from flask import Blueprint, Response, request, url_for

from watcher.ingest.uploads import Received
from watcher.model.access import ANYBODY, Role
from watcher.model.errors import BadParameterError, NotIsoMediaError, WatcherError
from watcher.model.instant import Instant, at_zone
from watcher.model.schemas import ClipShape
from watcher.storage.ledger import Entry
from watcher.web.api.multipart import Stretch, boundary_of, parts
from watcher.web.http import auth, problems, wire
from watcher.web.http.auth import allow_upload
from watcher.web.http.responses import clip_response
from watcher.web.http.routes import route
from watcher.web.http.state import state

bp = Blueprint("uploads", __name__)

_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}  # of RFC 9530, those that are not insecure
_REFUSALS = (404, 409, 411, 413, 415, 422, 429, 503, 507)
FIELD_MOST = 4 << 10  # bytes of a form's other fields

# A clip's raw bytes, with a name and without.
_put_route = functools.partial(
    route,
    bp,
    method="PUT",
    role=Role.UPLOAD,
    takes=("started_at",),
    sends=("video/mp4",),
    answers=ClipShape,
    or_status=(201,),
    problems=_REFUSALS,
)


@_put_route("/uploads/<camera>/<path:name>")
def put(camera: str, name: str) -> Response:
    """Send a clip under a name: raw bytes, of any Content-Type; 201 for a new one, 200 if it is here already."""
    return _put(camera, name, _start())


@_put_route("/uploads/<camera>/")
def put_unnamed(camera: str) -> Response:
    """Send a clip that the server names: by `started_at`, else by the request's Date, else by now."""
    return _put(camera, "", _start() or _date())


@route(
    bp,
    "/uploads",
    "POST",
    role=Role.UPLOAD,
    sends=("multipart/form-data",),
    answers=ClipShape,
    or_status=(201,),
    problems=_REFUSALS,
)
def post() -> Response:
    """Send a clip as a form: `camera`, `file`, and `started_at` if you like."""
    uploads = state().uploads
    path = body()
    if path is None:
        raise BadParameterError("body", "there is no body")
    form = parts(path, boundary_of(request.content_type or ""))
    file = next((part for part in form if part.name == "file"), None)
    if file is None:
        raise BadParameterError("file", "the form has no part 'file'")
    camera, started_at = _field(path, form, "camera"), _field(path, form, "started_at")
    start = None if not started_at else instant(started_at)
    allow_upload(camera)
    uploads.check(camera, name := (file.filename or "").replace("\\", "/").rpartition("/")[2], file.length)
    uploads.budget.claim(wire.request_id(), camera, file.length)
    uploads.spool.trim(path, file.start, file.length)
    return received(uploads.receive(path, camera, name, start=start))


@route(bp, "/internal/upload", role=None, internal=True)
def check() -> Response:
    """Whether nginx may spool what a client wants to send; asked before it takes a byte of the body.

    nginx takes only 204, 401 and 403 from here, so the true answer travels in headers.
    """
    path = wire.request_path()
    try:
        method = request.environ.get("WATCHER_METHOD", "")
        auth.require(Role.UPLOAD)
        if method in {"PUT", "POST", "PATCH"}:
            _promise(method, path)
    except WatcherError as error:
        answer = problems.problem_of(error)
        if answer.status_code in {401, 403}:
            agent = request.headers.get("User-Agent", "")
            state().refusals.note(request.remote_addr or "", agent, path, str(error))
        refused = Response(status=401 if answer.status_code == 401 else 403)
        if answer.status_code == 401:
            problems.challenge(refused)
        refused.headers["Watcher-Status"] = str(answer.status_code)
        refused.headers["Watcher-Problem"] = ascii_json(answer.get_data())
        return refused
    return Response(status=204)


def _promise(method: str, path: str) -> None:
    """Promise room for the body that is to come. Raises why there is none, or why it may not come."""
    uploads = state().uploads
    size = _length()
    entry = Entry(wire.request_id(), owner(), "", size or 0, time.time())
    coming = size
    if path.startswith("/watcher/tus"):
        upload_id = path.removeprefix("/watcher/tus").strip("/")
        if upload_id and (upload := uploads.spool.upload(upload_id)).done() is None:
            part, here = upload.part()
            allow_upload(part.camera)
            uploads.check_folder(part.camera)
            if size is not None:
                # It lies in the spool twice while it is put behind what is here, which may be past the part's end.
                coming = max(0, 2 * size - (part.length - here)) if here else 0
    else:
        match = re.fullmatch(r"/watcher/uploads/([^/]+)/([\s\S]*)", path)
        if method == "PUT" and match:
            allow_upload(match[1])
            uploads.check(match[1], match[2], size)
            entry.camera = match[1]
        else:
            uploads.check_folder("")
    if size is None:
        uploads.budget.promise_unmeasured(entry)
    elif size:
        uploads.budget.promise(entry, coming=coming)


def _length() -> int | None:
    """How many bytes are to come, as the client tells; None where it does not."""
    length = request.environ.get("WATCHER_BODY_BYTES", "")
    if length.isdigit():
        return int(length)
    chunked = "Transfer-Encoding" in request.headers or not request.environ["SERVER_PROTOCOL"].startswith("HTTP/1")
    return None if chunked else 0


@bp.teardown_app_request
def _over(_reason: BaseException | None) -> None:
    """Take the body's name away, and then what was promised to it: nothing may be counted twice, nor not at all."""
    if request.environ.get("WATCHER_BODY"):
        if (path := body()) is not None:
            path.unlink(missing_ok=True)
        state().uploads.budget.release(wire.request_id())


# — what all kinds of uploads share —


def owner() -> str:
    """Whose budget a request counts in: the key's, or the address's where nobody has to have one."""
    holder = auth.principal()
    return f"@{request.remote_addr}" if holder is ANYBODY else holder.person


def body() -> Path | None:
    """Where nginx has put the request's body; None if there is none."""
    return state().uploads.spool.body(request.environ.get("WATCHER_BODY", ""))


def instant(text: str) -> Instant:
    """When a clip began, as its sender says. Raises BadParameterError."""
    return at_zone(wire.plausible_moment(text, "started_at"), state().zone)


def received(done: Received) -> Response:
    """201 or 200, with the clip and where it is."""
    response = clip_response(done.clip)
    response.status_code = 201 if done.fresh else 200
    response.headers["Location"] = state().base + url_for("clips.show", clip_id=done.clip.id)
    return response


def ascii_json(body: bytes) -> str:
    """JSON that a header can carry, on one line and without characters beyond ASCII."""
    text = msgspec.json.format(body, indent=-1).decode()
    return "".join(c if " " <= c <= "~" else "".join(f"\\u{unit:04x}" for unit in _utf16(c)) for c in text)


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def _put(camera: str, name: str, start: Instant | None) -> Response:
    allow_upload(camera)
    if "Content-Range" in request.headers:  # RFC 9110, 14.5: a part must not be taken for the whole
        raise BadParameterError("Content-Range", "a PUT sends the whole clip; use tus to send it in pieces")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise NotIsoMediaError("send the clip as it is, without a Content-Encoding")
    path = body()
    if path is None:
        raise BadParameterError("body", "there is no body")
    return received(state().uploads.receive(path, camera, name, start=start, digests=_digests()))


def _start() -> Instant | None:
    text = request.args.get("started_at")
    return None if text is None else instant(text)


def _date() -> Instant | None:
    """The request's Date, which cameras without a name for their clips send."""
    try:
        at = parsedate_to_datetime(request.headers.get("Date", ""))
        return None if at.tzinfo is None else instant(at.isoformat())
    except (ValueError, TypeError, BadParameterError):
        return None


def _digests() -> dict[str, bytes]:
    """The digests that the client sent along, RFC 9530. Raises BadParameterError for what cannot be read."""
    places = {}
    for header in ("Repr-Digest", "Content-Digest"):
        for member in filter(None, (part.strip() for part in request.headers.get(header, "").split(","))):
            name, _, value = member.partition("=")
            if name.strip().lower() not in _ALGORITHMS:
                continue
            if not re.fullmatch(r":[A-Za-z0-9+/]*={0,2}:", value.strip()):
                raise BadParameterError(header, f"{header} must be such as sha-256=:<base64>:")
            try:
                digest = base64.b64decode(value.strip()[1:-1], validate=True)
            except binascii.Error:
                raise BadParameterError(header, f"{header} holds no base64") from None
            places[_ALGORITHMS[name.strip().lower()]] = digest
    return places


def _field(path: Path, form: list[Stretch], name: str) -> str:
    part = next((part for part in form if part.name == name), None)
    if part is None:
        if name == "camera":
            raise BadParameterError("camera", "the form has no part 'camera'")
        return ""
    if part.length > FIELD_MOST:
        raise BadParameterError(name, f"{name} is too long")
    with path.open("rb") as file:
        file.seek(part.start)
        return file.read(part.length).decode("utf-8", "replace").strip()
