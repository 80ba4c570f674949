"""What a person chooses of how pages speak: language, clock, week. Their browser keeps it, for all pages."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from flask import Blueprint, Response, request, url_for

from watcher.web.http import wire
from watcher.web.http.routes import route
from watcher.web.page.language import CLOCK_COOKIE, CLOCKS, LANGUAGE_COOKIE, LANGUAGES, WEEK_COOKIE, WEEKS
from watcher.web.page.layout import remember

bp = Blueprint("choice", __name__)

_CHOICES = (("language", LANGUAGE_COOKIE, LANGUAGES), ("clock", CLOCK_COOKIE, CLOCKS), ("week", WEEK_COOKIE, WEEKS))


@route(bp, "/language", "POST", role=None, page=True)
def choose() -> Response:
    """Remember what was chosen; what is nothing that there is leaves it to the browser's own language."""
    response = wire.see_other(_back())
    for field, cookie, values in _CHOICES:
        value = request.form.get(field, "")
        remember(response, cookie, value if value in values else "")
    return response


def _back() -> str:
    """The page that the form stands on, if it is one of ours."""
    home = url_for("browsing.browse")
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:
        return home
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.path.startswith(home) else home
