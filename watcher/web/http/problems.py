"""Errors as RFC 9457 has them: which error is which HTTP status; nothing here decides anything."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import sqlalchemy as sa
from flask import Flask, Response, request, url_for
from werkzeug.exceptions import HTTPException

from watcher.model import errors
from watcher.storage import damage
from watcher.web.http import wire
from watcher.web.http.state import state

PHRASES = {
    400: "The request makes no sense.",
    401: "Who are you?",
    403: "Your key may not do that.",
    404: "No such thing.",
    405: "The address does not take this method.",
    409: "It cannot be done as things are.",
    410: "It is gone.",
    411: "Send the length.",
    412: "It is no longer what you mean.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "Not a film that can be taken.",
    422: "The film is broken.",
    423: "Somebody else is at it.",
    429: "Enough for now.",
    503: "Not just now; try again soon.",
    507: "The disk is full.",
}

log = logging.getLogger("watcher.web.problems")

STATUS: dict[type[errors.WatcherError], int] = {
    errors.BadParameterError: 400,
    errors.ClipNotFoundError: 404,
    errors.CameraNotFoundError: 404,
    errors.SignInError: 401,
    errors.ForbiddenError: 403,
    errors.CrossSiteError: 403,
    errors.TooManyError: 429,
    errors.KeyNameError: 500,
    errors.HeldError: 409,
    errors.ChangedError: 412,
    errors.StartOverError: 410,
    errors.BrokenClipError: 422,
    errors.NotIsoMediaError: 415,
    errors.RowError: 422,
    errors.UploadError: 400,
    errors.DigestError: 400,
    errors.UploadNotFoundError: 404,
    errors.OffsetError: 409,
    errors.TakenError: 409,
    errors.GoneError: 410,
    errors.TooLargeError: 413,
    errors.LockedError: 423,
    errors.QuotaError: 429,
    errors.TooManyUploadsError: 429,
    errors.LengthRequiredError: 411,
    errors.DiskFullError: 507,
    # Whoever runs the service can mend these, and the sender need not change anything: it tries again.
    errors.RootAwayError: 503,
    errors.StoreAwayError: 503,
    errors.ReadOnlyError: 503,
    errors.FolderError: 503,
    errors.CatalogError: 503,
    errors.CatalogDamagedError: 503,
    errors.ConfigError: 500,
    errors.StartError: 500,
    errors.AlreadyRunningError: 500,
    errors.NotInBinError: 404,
    errors.MissingError: 404,
    errors.NoProxyError: 409,
    errors.ExportNotFoundError: 404,
    errors.SessionNotFoundError: 404,
    errors.ShareNotFoundError: 404,
    errors.RenderError: 500,
}
PAGES = {  # what a person reads of errors that are not ours
    404: ("There is no such page", "The link may be old, or a letter of it is missing."),
    500: ("Something went wrong", "The log says what; it may work when you try again."),
}
HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem(status: int, code: str, title: str, detail: str | None = None, **more: Any) -> Response:
    """An error as RFC 9457 has it, with our stable code."""
    body = {"type": "about:blank", "title": title, "status": status, "code": code, **more}
    if detail:
        body["detail"] = detail
    response = Response(msgspec.json.encode(body), status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    return response


def problem_of(error: errors.WatcherError) -> Response:
    """The answer that tells of one of our own errors."""
    more = {"parameter": error.parameter} if isinstance(error, errors.BadParameterError) else {}
    response = problem(STATUS[type(error)], error.code, error.title, str(error), **more)
    return challenge(response) if isinstance(error, errors.SignInError) else response


def challenge(response: Response) -> Response:
    """What a 401 has to say. Basic only to programs: browsers would open a window of their own."""
    basic = "" if "Sec-Fetch-Mode" in request.headers else ', Basic realm="watcher"'
    response.headers["WWW-Authenticate"] = f'Bearer realm="watcher"{basic}'
    return response


def wants_page() -> bool:
    """Whether a browser asks, which shows what it gets to a person."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def sign_in_page(error: errors.WatcherError) -> Response | None:
    """Where a person is sent who is not signed in; None for programs, and for other errors."""
    if not (isinstance(error, errors.SignInError) and wants_page() and request.method == "GET"):
        return None
    back = request.full_path.rstrip("?") if request.query_string else request.path
    return wire.see_other(url_for("signing.form", next=request.script_root + back))


def register_errors(app: Flask, page: Callable[[int, str, str], Response]) -> None:
    """Answer every error as a problem, Flask's and the database's own included; as a page to a person's browser.

    `page` makes one of a status, a title and a sentence.
    """

    def shown(response: Response, title: str, detail: str) -> Response:
        if not wants_page():
            return response
        try:
            document = page(response.status_code, title, detail)
        except Exception:  # what is wrong may be what pages are made with
            log.exception("the page of an error failed")
            return response
        for name, value in response.headers:
            if name in {"Allow", "Retry-After", "WWW-Authenticate"}:
                document.headers[name] = value
        document.headers["Cache-Control"] = "no-store"
        return document

    @app.errorhandler(errors.WatcherError)
    def _ours(error: errors.WatcherError) -> Response:
        return sign_in_page(error) or shown(problem_of(error), error.title, str(error))

    @app.errorhandler(errors.CatalogDamagedError)
    def _damaged(error: errors.CatalogDamagedError) -> Response:
        log.error("%s", error)
        damage.note(state().services.places, str(error))
        return shown(problem_of(error), error.title, str(error))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        if error.response is not None or 300 <= status < 400:  # a redirect to the right slash
            response = error.get_response()
            if to := response.headers.get("Location"):  # on this host, whatever that is called outside
                response.headers["Location"] = urlunsplit(("", "", *urlsplit(to)[2:]))
            return response  # type: ignore[return-value]
        response = problem(status, HTTP_CODES.get(status, "http"), error.name, error.description)
        for name, value in error.get_headers():
            if name.lower() == "allow":
                response.headers[name] = value
        title, detail = PAGES.get(status, (error.name, error.description or ""))
        return shown(response, title, detail)

    @app.errorhandler(sa.exc.OperationalError)
    def _database(error: sa.exc.OperationalError) -> Response:
        log.error("the catalog did not answer: %s", error.orig)
        title, detail = "The catalog cannot be used", "The database did not answer; try again soon."
        return shown(problem(503, "catalog", title, detail), title, detail)

    @app.errorhandler(Exception)
    def _bug(_error: Exception) -> Response:
        log.exception("a request failed")
        return shown(problem(500, "internal", "Something went wrong"), *PAGES[500])
