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


class Wanted(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
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
    body=Wanted,
    answers=ExportShape,
    status=202,
    problems=(404, 413, 429, 507),
)
def ask() -> Response:
    """Have a film made of each camera's clips in a time, copied as they are; several where their coding changes."""
    wanted = wire.body(Wanted)
    if not 1 <= len(wanted.cameras) <= CAMERAS_MOST:
        raise BadParameterError("cameras", f"give 1 to {CAMERAS_MOST} cameras")
    if wanted.cut not in CUTS:
        raise BadParameterError("cut", f"cut={wanted.cut!r} must be one of {', '.join(CUTS)}")
    first, last = wire.plausible_moment(wanted.from_, "from"), wire.plausible_moment(wanted.to, "to")
    if first >= last:
        raise BadParameterError("from", "from must be before to")
    cameras = [one for one in dict.fromkeys(wanted.cameras) if principal().sees(one)]
    source = catalog().exports.source(cameras, first, last)
    if not source.clips:
        raise ClipNotFoundError("these cameras have no clips in that time")
    _must_fit(source.clips, source.size_bytes)
    one = catalog().exports.want(
        cameras,
        first,
        last,
        cut=wanted.cut,
        author=principal().name,
        key_id=principal().key_id,
        source=source,
        now=state().services.clock.now(),
    )
    audit("export", str(one.id))
    response = wire.json_response(_body(one), 202, Cache_Control="no-store")
    response.headers["Location"] = f"{request.script_root}/exports/{one.id}"
    return response


def _must_fit(clips: int, size_bytes: int) -> None:
    """Refuse what is too much for the disk, altogether, or for one key: what it asks for leaves half to others.

    An admin may have all, as may whoever asks where nobody says who they are: they can remove what is there.
    """
    services, known = state().services, catalog().exports.all()
    most = services.settings.export.max_bytes
    if clips > CLIPS_MOST or size_bytes > most:
        told = f"{clips:,} clips of {size_bytes:,} bytes; an export has at most {CLIPS_MOST:,} of {most:,}"
        raise TooLargeError(told)
    waiting = [one for one in known if one.done_ms is None]
    if len(waiting) >= WAITING_MOST:
        raise TooManyError("many exports wait to be made; try again when one of them is done")
    if size_bytes + _bytes(known) > most:
        raise TooManyError(f"exports may have {most:,} bytes together; remove one that is not needed any more")
    if not principal().may(Role.ADMIN):
        mine = [one for one in known if one.key_id == principal().key_id]
        if sum(one.done_ms is None for one in mine) >= WAITING_MOST // 2 or len(mine) >= AUTHOR_MOST:
            raise TooManyError("many exports of your key wait or are kept; remove some, or wait for them")
        if size_bytes + _bytes(mine) > most // 2:
            raise TooManyError(f"a key's exports may have {most // 2:,} bytes together; remove one of yours")
    if services.root.free_bytes() - size_bytes < services.settings.upload.min_free_bytes:
        raise DiskFullError("there is too little room on the disk for it")


def _bytes(known: list[Export]) -> int:
    """What they have on the disk, or will have."""
    return sum(one.source_bytes if one.done_ms is None else one.size_bytes or 0 for one in known)


@route(bp, "/exports", role=Role.VIEW, answers=ExportsShape)
def index() -> Response:
    """All exports, the newest first."""
    return wire.json_response(ExportsShape([_body(one) for one in seen()]), Cache_Control="no-store")


@route(bp, "/exports/<int:export_id>", role=Role.VIEW, answers=ExportShape, problems=(404,))
def show(export_id: int) -> Response:
    """How far an export is, and where its films are."""
    return wire.json_response(_body(_visible(export_id)), Cache_Control="no-store")


@route(bp, "/exports/<int:export_id>", "DELETE", role=Role.VIEW, status=204, problems=(404,))
def remove(export_id: int) -> Response:
    """Give an export up, also while it is made, and remove its films; the clips stay as they are."""
    one = _visible(export_id)
    if not _may_remove(one):
        raise ForbiddenError("only an admin removes what others have asked for")
    audit("export removed", str(one.id))
    catalog().exports.drop(one.id)
    shutil.rmtree(state().services.places.renditions / FOLDER / str(one.id), ignore_errors=True)
    return Response(status=204)


def _may_remove(one: Export) -> bool:
    return one.key_id == principal().key_id or principal().may(Role.ADMIN)


def seen() -> list[Export]:
    """The exports that exist for whoever asks, the newest first."""
    return [one for one in catalog().exports.all() if _sees(one)]


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


def shown(one: Export) -> Shown:
    """An export, for the page."""
    expires = _expires(one)
    files = [(file.name, _address(one, file.name, expires), file.size_bytes) for file in one.files]
    removed_by = f"{request.script_root}/exports/{one.id}" if _may_remove(one) else None
    return Shown(
        one.cameras, moment(one.from_ms), moment(one.to_ms), one.share, one.error, expires, files, removed_by
    )


def _sees(one: Export) -> bool:
    return all(principal().sees(camera) for camera in one.cameras)


def _visible(export_id: int) -> Export:
    if export_id >= 1 << 62:
        raise ExportNotFoundError(f"there is no export {export_id}")
    one = catalog().exports.get(export_id)
    if not _sees(one):
        raise ExportNotFoundError(f"there is no export {export_id}")
    return one


def _body(one: Export) -> ExportShape:
    ready = one.done_ms is not None and one.error is None
    expires = _expires(one)
    return ExportShape(
        id=one.id,
        state="failed" if one.error else "ready" if ready else "waiting" if one.share is None else "working",
        cameras=list(one.cameras),
        from_=serialize.utc_of(one.from_ms),
        to=serialize.utc_of(one.to_ms),
        cut=one.cut,
        clips=one.clips,
        source_bytes=one.source_bytes,
        progress=round(one.share or 0.0, 3),
        author=one.author,
        created_at=serialize.utc_of(one.asked_ms),
        expires_at=serialize.utc_or_none(expires),
        files=[
            ExportFileShape(
                file.camera,
                _address(one, file.name, expires),
                file.size_bytes,
                file.sha256,
                serialize.utc_of(file.started_ms),
                serialize.utc_of(file.ended_ms),
                file.duration_seconds,
            )
            for file in one.files
        ],
        manifest_url=_address(one, MANIFEST, expires) if ready else None,
        error=one.error,
        links=Links(f"{state().base}{request.script_root}/exports/{one.id}"),
    )


def _expires(one: Export) -> datetime | None:
    if one.done_ms is None:
        return None
    return moment(one.done_ms) + timedelta(days=state().services.settings.export.keep_days)


def content(path: str) -> str:
    """What lies at the path of a film or a manifest, for its link. Raises ExportNotFoundError."""
    found = _FILE.fullmatch(path)
    if found is None:
        raise ExportNotFoundError(f"{path} is of no export")
    return _content(catalog().exports.get(int(found[1])), found[2])


def _content(one: Export, name: str) -> str:
    return f"{one.done_ms} {next((file.sha256 for file in one.files if file.name == name), '')}"


def _address(one: Export, name: str, expires: datetime | None) -> str:
    path = quote(f"{request.script_root}/renditions/{FOLDER}/{one.id}/{name}")
    if expires is None or state().services.settings.auth.mode == "open":
        return state().base + path
    inside = f"{MOUNT}/renditions/{FOLDER}/{one.id}/{name}"  # as nginx asks about it
    question = state().services.links.question(inside, int(expires.timestamp()), content=_content(one, name))
    return f"{state().base}{path}?{question}"
