"""What makes an app of the page on a phone: its manifest, its service worker, a page while nobody is reached."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, render_template, request, url_for

from watcher.web.http.routes import route
from watcher.web.http.state import STATIC, state
from watcher.web.page.language import speech
from watcher.web.page.layout import html

bp = Blueprint("app", __name__)

_ICONS = (192, 512)  # pixels; what Android asks for


@route(bp, "/manifest.webmanifest", role=None, page=True)
def manifest() -> Response:
    """The name, the pictures and the first address of the app; a browser asks for it without a session."""
    home = url_for("browsing.browse")
    icons = [
        {"src": _asset(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for size in _ICONS
        for purpose in ("any", "maskable")
    ]
    manifest = {
        "id": home,
        "name": "watcher",
        "short_name": "watcher",
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "background_color": "#0e1116",
        "theme_color": "#161b22",
        "icons": [*icons, {"src": _asset("icon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    response = Response(msgspec.json.encode(manifest), content_type="application/manifest+json")
    response.headers["Cache-Control"] = "no-cache"
    return response


@route(bp, "/worker.js", role=None, page=True)
def worker() -> Response:
    """The service worker, which names this version's assets and the language: another one is another worker."""
    spoken = speech().language
    assets = sorted(
        path.name
        for path in STATIC.iterdir()
        if path.suffix in {".js", ".css", ".svg"}
        and (path.name == f"language-{spoken}.js" or not path.name.startswith("language-"))
    )
    text = render_template(
        "worker.js", folder=_asset(""), assets=assets, offline=url_for("app.offline"), language=spoken
    )
    response = Response(text, content_type="text/javascript; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'"
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    return response


@route(bp, "/offline", role=None, page=True)
def offline() -> Response:
    """What the app shows while it reaches nobody."""
    return html("offline.html")


def _asset(name: str) -> str:
    return f"{request.script_root}/static/{state().assets}/{name}"
