"""Links that work without a key: made, listed, ended; and whether one shows what it was made for."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa
from flask import Blueprint, Response, request
from msgspec import Meta

from watcher.catalog.shares import Share
from watcher.model import serialize
from watcher.model.access import Role, new_secret
from watcher.model.errors import BadParameterError, ExportNotFoundError, ShareNotFoundError
from watcher.model.schemas import Links, SharedShape, ShareShape, SharesShape
from watcher.storage.links import Claims
from watcher.tiering.footage import Footage
from watcher.web.api import exports
from watcher.web.http import auth, wire
from watcher.web.http.query import bounded
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("shares", __name__)

SHARE_MOST = 30 * 86400  # seconds


class ShareRequest(msgspec.Struct, forbid_unknown_fields=True):
    """For how long a link is to work."""

    expires_in_seconds: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": SHARE_MOST})]


@route(
    bp,
    "/clips/<int:clip_id>/share",
    "POST",
    role=Role.VIEW,
    body=ShareRequest,
    answers=ShareShape,
    problems=(404,),
)
def share(clip_id: int) -> Response:
    """Make a link to one clip that works without a key until it expires, or the clip has another content."""
    body = wire.body(ShareRequest)
    if not 1 <= body.expires_in_seconds <= SHARE_MOST:
        raise BadParameterError("expires_in_seconds", f"expires_in_seconds must be from 1 to {SHARE_MOST:,}")
    clip = auth.visible(catalog().clips.get(bounded(clip_id)))
    expires = int(state().services.clock.now().timestamp()) + body.expires_in_seconds
    until, share_id = datetime.fromtimestamp(expires, UTC), new_secret()[:16]
    # 1. the link is signed, 2. it is noted: one that is not noted shows nothing.
    question = state().services.links.question("/" + clip.key, expires, share=share_id)
    catalog().shares.add(share_id, clip.id, until=until, by=auth.by())
    auth.audit("share", clip.key)
    address = f"{state().base}{wire.clip_path(clip)}?{question}"
    return wire.json_response(ShareShape(address, serialize.utc(until), share_id), Cache_Control="no-store")


@route(bp, "/shares", role=Role.VIEW, answers=SharesShape)
def index() -> Response:
    """The links that go on: one's own, and an admin sees all."""
    bodies = [
        SharedShape(
            id=share.id,
            clip_id=share.clip_id,
            key=share.key,
            camera=share.camera,
            author=share.author,
            created_at=serialize.utc(share.created_at),
            expires_at=serialize.utc(share.until),
            last_view_at=serialize.utc_or_none(share.last_view_at),
            links=Links(f"{state().base}{request.script_root}/shares/{share.id}"),
        )
        for share in seen()
    ]
    return wire.json_response(SharesShape(bodies), Cache_Control="no-store")


@route(bp, "/shares/<share_id>", "DELETE", role=Role.VIEW, status=204, problems=(404,))
def end(share_id: str) -> Response:
    """End a link, of media within five seconds; only an admin ends those of others."""
    if not catalog().shares.end(key_id=_mine(), share_id=share_id, by=auth.by()):
        raise ShareNotFoundError(f"there is no link {share_id!r}")
    auth.audit("share ended", share_id)
    return Response(status=204)


def seen() -> list[Share]:
    """The links that exist for whoever asks, the newest first."""
    shares = catalog().shares.all(now=state().services.clock.now(), key_id=_mine())
    return [share for share in shares if auth.principal().sees(share.camera)]


def _mine() -> int | None:
    """Whose links one sees and ends; None: everybody's."""
    holder = auth.principal()
    return None if holder.may(Role.ADMIN) else holder.key_id


def shows(path: str) -> bool:
    """Whether the question that nginx passes on holds a link, which is for what lies at a path now."""
    claims = Claims.of(request.environ.get("WATCHER_LINK", ""))
    if claims is None:
        return False
    now, links = state().services.clock.now(), state().services.links
    if not claims.share:
        try:
            return links.holds(claims, path, now=now, content=exports.content(path) if claims.kid else "")
        except ExportNotFoundError:
            return False
    if not links.holds(claims, path, now=now):
        return False
    share = catalog().shares.get(claims.share, now=now)
    if share is None or "/" + share.key != path:
        return False
    # A file that was written over a moment ago is not known for another one yet.
    look = Footage.of(state().services).look(share.key)
    if look is None or look.fingerprint != share.fingerprint:
        return False
    with contextlib.suppress(sa.exc.DBAPIError):  # a full disk must not keep anybody from looking
        catalog().shares.note_view(share, now=now)
    return True
