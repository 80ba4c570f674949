"""Exports over HTTP: asked for, looked at, fetched, given up."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from urllib.parse import quote

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from watcher.catalog.exports import Export
from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.clip import moment
from watcher.model.errors import (
    BadParameterError,
    ClipNotFoundError,
    DiskFullError,
    ExportNotFoundError,
    ForbiddenError,
    TooLargeError,
    TooManyError,
)
from watcher.model.schemas import ExportFileShape, ExportShape, ExportsShape, Links, Time
from watcher.model.serialize import MOUNT
from watcher.renditions.exports import FOLDER, MANIFEST
from watcher.web.http import wire
from watcher.web.http.auth import audit, principal
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("exports", __name__)

CAMERAS_MOST = 100
CLIPS_MOST = 20_000
WAITING_MOST = 20
AUTHOR_MOST = 200  # of one key, made or not
CUTS = ("key", "exact")
_FILE = re.compile(rf"{MOUNT}/renditions/{FOLDER}/(\d{{1,18}})/([^/]+)", re.ASCII)


class ExportRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Which cameras and which time are wanted, and how it is cut."""

    cameras: Annotated[list[str], Meta(extra_json_schema={"minItems": 1, "maxItems": CAMERAS_MOST})]
    from_: Time
    to: Time
    cut: Annotated[str, Meta(extra_json_schema={"enum": list(CUTS)})] = "key"


@route(
    bp,
    "/exports",
    "POST",
    role=Role.VIEW,
    body=ExportRequest,
    answers=ExportShape,
    status=202,
    problems=(404, 413, 429, 507),
)
def ask() -> Response:
    """Have a film made of each camera's clips in a time, copied as they are; several where their coding changes."""
    body = wire.body(ExportRequest)
    if not 1 <= len(body.cameras) <= CAMERAS_MOST:
        raise BadParameterError("cameras", f"give 1 to {CAMERAS_MOST} cameras")
    if body.cut not in CUTS:
        raise BadParameterError("cut", f"cut={body.cut!r} must be one of {', '.join(CUTS)}")
    first, last = wire.plausible_moment(body.from_, "from"), wire.plausible_moment(body.to, "to")
    if first >= last:
        raise BadParameterError("from", "from must be before to")
    cameras = [camera for camera in dict.fromkeys(body.cameras) if principal().sees(camera)]
    source = catalog().exports.source(cameras, first, last)
    if not source.clips:
        raise ClipNotFoundError("these cameras have no clips in that time")
    _must_fit(source.clips, source.size_bytes)
    export = catalog().exports.want(
        cameras,
        first,
        last,
        cut=body.cut,
        author=principal().name,
        key_id=principal().key_id,
        source=source,
        now=state().services.clock.now(),
    )
    audit("export", str(export.id))
    response = wire.json_response(_body(export), 202, Cache_Control="no-store")
    response.headers["Location"] = f"{request.script_root}/exports/{export.id}"
    return response


def _must_fit(clips: int, size_bytes: int) -> None:
    """Refuse what is too much for the disk, altogether, or for one key: what it asks for leaves half to others.

    An admin may have all, as may whoever asks where nobody says who they are: they can remove what is there.
    """
    services, exports = state().services, catalog().exports.all()
    most = services.settings.export.max_bytes
    if clips > CLIPS_MOST or size_bytes > most:
        text = f"{clips:,} clips of {size_bytes:,} bytes; an export has at most {CLIPS_MOST:,} of {most:,}"
        raise TooLargeError(text)
    waiting = [export for export in exports if export.done_ms is None]
    if len(waiting) >= WAITING_MOST:
        raise TooManyError("many exports wait to be made; try again when one of them is done")
    if size_bytes + _bytes(exports) > most:
        raise TooManyError(f"exports may have {most:,} bytes together; remove one that is not needed any more")
    if not principal().may(Role.ADMIN):
        mine = [export for export in exports if export.key_id == principal().key_id]
        if sum(export.done_ms is None for export in mine) >= WAITING_MOST // 2 or len(mine) >= AUTHOR_MOST:
            raise TooManyError("many exports of your key wait or are kept; remove some, or wait for them")
        if size_bytes + _bytes(mine) > most // 2:
            raise TooManyError(f"a key's exports may have {most // 2:,} bytes together; remove one of yours")
    if services.root.free_bytes() - size_bytes < services.settings.upload.min_free_bytes:
        raise DiskFullError("there is too little room on the disk for it")


def _bytes(exports: list[Export]) -> int:
    """What they have on the disk, or will have."""
    return sum(export.source_bytes if export.done_ms is None else export.size_bytes or 0 for export in exports)


@route(bp, "/exports", role=Role.VIEW, answers=ExportsShape)
def index() -> Response:
    """All exports, the newest first."""
    return wire.json_response(ExportsShape([_body(export) for export in seen()]), Cache_Control="no-store")


@route(bp, "/exports/<int:export_id>", role=Role.VIEW, answers=ExportShape, problems=(404,))
def show(export_id: int) -> Response:
    """How far an export is, and where its films are."""
    return wire.json_response(_body(_visible(export_id)), Cache_Control="no-store")


@route(bp, "/exports/<int:export_id>", "DELETE", role=Role.VIEW, status=204, problems=(404,))
def remove(export_id: int) -> Response:
    """Give an export up, also while it is made, and remove its films; the clips stay as they are."""
    export = _visible(export_id)
    if not _may_remove(export):
        raise ForbiddenError("only an admin removes what others have asked for")
    audit("export removed", str(export.id))
    catalog().exports.drop(export.id)
    shutil.rmtree(state().services.places.renditions / FOLDER / str(export.id), ignore_errors=True)
    return Response(status=204)


def _may_remove(export: Export) -> bool:
    return export.key_id == principal().key_id or principal().may(Role.ADMIN)


def seen() -> list[Export]:
    """The exports that exist for whoever asks, the newest first."""
    return [export for export in catalog().exports.all() if _sees(export)]


class Shown(NamedTuple):
    """An export as the status page shows it."""

    cameras: tuple[str, ...]
    from_: datetime
    to: datetime
    share: float | None
    error: str | None
    expires: datetime | None
    files: list[tuple[str, str, int]]  # name, address, bytes
    removed_by: str | None  # the address that a DELETE goes to, for who may


def shown(export: Export) -> Shown:
    """An export, for the page."""
    expires = _expires(export)
    files = [(file.name, _address(export, file.name, expires), file.size_bytes) for file in export.files]
    removed_by = f"{request.script_root}/exports/{export.id}" if _may_remove(export) else None
    return Shown(
        export.cameras,
        moment(export.from_ms),
        moment(export.to_ms),
        export.share,
        export.error,
        expires,
        files,
        removed_by,
    )


def _sees(export: Export) -> bool:
    return all(principal().sees(camera) for camera in export.cameras)


def _visible(export_id: int) -> Export:
    if export_id >= 1 << 62:
        raise ExportNotFoundError(f"there is no export {export_id}")
    export = catalog().exports.get(export_id)
    if not _sees(export):
        raise ExportNotFoundError(f"there is no export {export_id}")
    return export


def _body(export: Export) -> ExportShape:
    ready = export.done_ms is not None and export.error is None
    expires = _expires(export)
    return ExportShape(
        id=export.id,
        state="failed" if export.error else "ready" if ready else "waiting" if export.share is None else "working",
        cameras=list(export.cameras),
        from_=serialize.utc_of(export.from_ms),
        to=serialize.utc_of(export.to_ms),
        cut=export.cut,
        clips=export.clips,
        source_bytes=export.source_bytes,
        progress=round(export.share or 0.0, 3),
        author=export.author,
        created_at=serialize.utc_of(export.asked_ms),
        expires_at=serialize.utc_or_none(expires),
        files=[
            ExportFileShape(
                file.camera,
                _address(export, file.name, expires),
                file.size_bytes,
                file.sha256,
                serialize.utc_of(file.started_ms),
                serialize.utc_of(file.ended_ms),
                file.duration_seconds,
            )
            for file in export.files
        ],
        manifest_url=_address(export, MANIFEST, expires) if ready else None,
        error=export.error,
        links=Links(f"{state().base}{request.script_root}/exports/{export.id}"),
    )


def _expires(export: Export) -> datetime | None:
    if export.done_ms is None:
        return None
    return moment(export.done_ms) + timedelta(days=state().services.settings.export.keep_days)


def content(path: str) -> str:
    """What lies at the path of a film or a manifest, for its link. Raises ExportNotFoundError."""
    match = _FILE.fullmatch(path)
    if match is None:
        raise ExportNotFoundError(f"{path} is of no export")
    return _content(catalog().exports.get(int(match[1])), match[2])


def _content(export: Export, name: str) -> str:
    return f"{export.done_ms} {next((file.sha256 for file in export.files if file.name == name), '')}"


def _address(export: Export, name: str, expires: datetime | None) -> str:
    path = quote(f"{request.script_root}/renditions/{FOLDER}/{export.id}/{name}")
    if expires is None or state().services.settings.auth.mode == "open":
        return state().base + path
    inside = f"{MOUNT}/renditions/{FOLDER}/{export.id}/{name}"  # as nginx asks about it
    question = state().services.links.question(inside, int(expires.timestamp()), content=_content(export, name))
    return f"{state().base}{path}?{question}"
