"""Who has signed in: listed and ended."""

from __future__ import annotations

from flask import Blueprint, Response, request

from watcher.catalog.sessions import Session
from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.errors import SessionNotFoundError
from watcher.model.schemas import Links, SessionShape, SessionsShape
from watcher.web.http import auth, wire
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("sessions", __name__)


@route(bp, "/sessions", role=Role.VIEW, answers=SessionsShape)
def index() -> Response:
    """The sessions that go on, who was here last first: one's own, and an admin sees all."""
    mine = auth.session_id()
    bodies = [
        SessionShape(
            id=session.id,
            key=session.key,
            current=session.id == mine,
            created_at=serialize.utc_or_none(session.created_at),
            last_used_at=serialize.utc_or_none(session.last_used_at),
            expires_at=serialize.utc(session.until),
            address=session.address,
            agent=session.agent,
            links=Links(f"{state().base}{request.script_root}/sessions/{session.id}"),
        )
        for session in seen()
    ]
    return wire.json_response(SessionsShape(bodies), Cache_Control="no-store")


@route(bp, "/sessions", "DELETE", role=Role.VIEW, status=204)
def end_others() -> Response:
    """End all one's own sessions but the one that asks, an admin's as well."""
    ended = catalog().sessions.end(key=auth.principal().name, but=auth.session_id(), by=auth.by())
    auth.audit("sessions ended", str(ended))
    return Response(status=204)


@route(bp, "/sessions/<session>", "DELETE", role=Role.VIEW, status=204, problems=(404,))
def end(session: str) -> Response:
    """End a session; only an admin ends those of others."""
    if not catalog().sessions.end(key=_mine(), session=session, by=auth.by()):
        raise SessionNotFoundError(f"there is no session {session!r}")
    auth.audit("session ended", session)
    return Response(status=204)


def seen() -> list[Session]:
    """The sessions that exist for whoever asks, who was here last first."""
    return catalog().sessions.all(now=state().services.clock.now(), key=_mine())


def _mine() -> str | None:
    """Whose sessions one sees and ends; None: everybody's."""
    holder = auth.principal()
    return None if holder.may(Role.ADMIN) else holder.name
