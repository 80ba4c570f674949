"""Proxies over HTTP: asked for, and how it is with them."""

from __future__ import annotations

from flask import Blueprint, Response, request

from watcher.model.access import Role
from watcher.model.clip import Clip, ClipState
from watcher.model.errors import NoProxyError
from watcher.model.schemas import ProxyShape
from watcher.web.http import wire
from watcher.web.http.auth import visible
from watcher.web.http.query import bounded
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("proxies", __name__)


@route(bp, "/clips/<int:clip_id>/proxy", role=Role.VIEW, answers=ProxyShape, problems=(404,))
def show(clip_id: int) -> Response:
    """How it is with the copy of a clip that every browser plays: none, waiting, ready or failed."""
    return _answer(visible(catalog().clips.get(bounded(clip_id))))


@route(
    bp,
    "/clips/<int:clip_id>/proxy",
    "POST",
    role=Role.VIEW,
    answers=ProxyShape,
    or_status=(202,),
    problems=(404, 409),
)
def ask(clip_id: int) -> Response:
    """Have a copy made that every browser plays; 202 while it waits. Asking again is no harm, and tries again."""
    clip = visible(catalog().clips.get(bounded(clip_id)))
    if state().services.settings.proxy.make == "off":
        raise NoProxyError("proxies are switched off here (proxy.make)")
    if clip.state is not ClipState.READY:
        raise NoProxyError(f"the clip is {clip.state}")
    if clip.proxy is None:
        catalog().proxies.want(clip.id, now=state().services.clock.now())
    response = _answer(clip)
    if clip.proxy is None:
        response.status_code = 202
    return response


def _answer(clip: Clip) -> Response:
    proxy = catalog().proxies.get(clip.id)
    if clip.proxy is not None:
        address = f"{state().base}{request.script_root}/renditions/{clip.proxy}"
        body = ProxyShape("ready", address, 0, None, 1.0)
    elif proxy is None:
        body = ProxyShape("none", None, 0, None)
    else:
        body = ProxyShape(
            "failed" if proxy.error else "waiting", None, proxy.before, proxy.error, round(proxy.share, 3)
        )
    return wire.json_response(body, Cache_Control="no-store")
