"""Routes and what is declared of each: who may, which parameters it takes, what it answers.

What is declared is what is enforced, and what the OpenAPI document tells.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import msgspec
from flask import Blueprint, Flask, Response, request

from watcher.model.access import Role
from watcher.model.errors import BadParameterError
from watcher.web.http import auth
from watcher.web.http.request import Answer, ApiRequest
from watcher.web.http.responses import respond

View = Callable[..., Response]
Question = Callable[..., Answer]  # of an ApiRequest, and of the values in the address


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of a route."""

    method: str
    role: Role | None  # None: open to everybody
    takes: tuple[str, ...] = ()  # query parameters, explained in `parameters.py`
    body: type | None = None
    body_optional: bool = False
    answers: type | None = None
    status: int = 200
    or_status: tuple[int, ...] = ()  # of other answers that are no refusals
    media_type: str = "application/json"
    problems: tuple[int, ...] = ()  # statuses of refusals, beside those that every route has
    sends: tuple[str, ...] = ()  # media types of a body that nginx spools
    page: bool = False  # HTML, which is not part of the API
    hidden: bool = False  # of a protocol of its own, which others describe
    internal: bool = False  # asked by nginx, and by nobody else


def route(
    bp: Blueprint, rule: str, method: str = "GET", *, role: Role | None, **more: Any
) -> Callable[[View], View]:
    """Register a view under an address, with what is declared of it."""
    declared = Declared(method=method, role=role, **more)

    def register(view: View) -> View:
        @functools.wraps(view)
        def checked(**values: Any) -> Response:
            if not declared.internal:  # those answer for themselves, in the few words that nginx understands
                auth.require(role)
            if not (declared.page or declared.internal):
                only(declared.takes)
            return view(**values)

        checked.declared = declared  # type: ignore[attr-defined]
        # Clients of uploads write addresses with and without a slash at the end, and cannot follow with a body.
        strict = not (declared.sends or declared.hidden)
        return bp.route(rule, methods=[method], strict_slashes=strict)(checked)

    return register


def question(
    bp: Blueprint,
    rule: str,
    *,
    takes: tuple[str, ...] = (),
    answers: type,
    problems: tuple[int, ...] = (),
) -> Callable[[Question], Question]:
    """Register a GET whose answer holds until the catalog changes, for Flask and for the fast path before it."""

    def register(answer: Question) -> Question:
        @functools.wraps(answer)
        def view(**values: Any) -> Response:
            return respond(own(auth.current_request(), **values))

        def own(api_request: ApiRequest, **values: Any) -> Answer:
            return api_request.own(answer(api_request, **values))

        view.question = rule, own  # type: ignore[attr-defined]
        route(bp, rule, role=Role.VIEW, takes=takes, answers=answers, problems=problems)(view)
        return answer

    return register


def questions_of(app: Flask) -> list[tuple[str, str, Question]]:
    """Every question: its endpoint, its address, and what answers it."""
    questions = ((endpoint, getattr(view, "question", None)) for endpoint, view in app.view_functions.items())
    return [(endpoint, *question_) for endpoint, question_ in questions if question_ is not None]


def declared_of(app: Flask, endpoint: str) -> Declared:
    """What is declared of an endpoint; a view without it is a fault of ours."""
    return cast("Declared", getattr(app.view_functions[endpoint], "declared"))  # noqa: B009 - mypy


def only(names: tuple[str, ...]) -> None:
    """Refuse parameters that nobody would look at: a misspelt filter must not answer with everything."""
    for name in request.args:
        if name not in names:
            text = f"known: {', '.join(sorted(names))}" if names else "there are none"
            raise BadParameterError(name, f"there is no parameter {name!r} here; {text}")
