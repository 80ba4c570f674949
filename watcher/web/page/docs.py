"""The page that describes the API."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from watcher.model.access import Role
from watcher.web.api.openapi import description
from watcher.web.http.routes import route
from watcher.web.page.layout import html

bp = Blueprint("docs", __name__)


@route(bp, "/docs", role=Role.VIEW, page=True)
def read() -> Response:
    """The description of the API, to read."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    document = description(app)
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return html(
        "docs.html",
        operations=operations,
        schemas=document["components"]["schemas"],
        version=document["info"]["version"],
    )


@bp.app_template_filter("reference")
def _reference(schema: dict[str, Any] | None) -> str:
    return str((schema or {}).get("$ref", "")).rpartition("/")[2]
