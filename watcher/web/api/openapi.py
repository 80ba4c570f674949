"""The OpenAPI document, made of what the routes declare."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, cast

import msgspec
from flask import Blueprint, Flask, Response, current_app, url_for

from watcher.model.access import Role
from watcher.model.schemas import ProblemShape
from watcher.model.version import VERSION
from watcher.web.http import problems, wire
from watcher.web.http.parameters import PARAMETERS, Parameter
from watcher.web.http.routes import Declared, route

bp = Blueprint("openapi", __name__)

_REF = "#/components/schemas/{name}"
_CONVERTERS = {
    "int": ({"type": "integer", "minimum": 1, "maximum": wire.NUMBER_MOST}, 1),
    "key": ({"type": "string", "pattern": "^[^/\\u0000][^\\u0000]*$"}, "porch/2026-11-21/070000.mp4"),
    "camera": ({"type": "string", "pattern": "^[^/\\u0000][^\\u0000]*$"}, "porch"),
    "path": ({"type": "string", "pattern": "^[^/\\u0000][^\\u0000]*$"}, "2026-11-21/070000.mp4"),
    "default": ({"type": "string", "minLength": 1, "pattern": "^[^/\\u0000]+$"}, "fox"),
}
NGINX = {414, 429, 503}  # what it may say to any question: too long, too many, nobody answers
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["camera", "file"],
    "properties": {
        "camera": {"type": "string"},
        "file": {"type": "string", "contentMediaType": "video/mp4"},
        "started_at": {"type": "string", "format": "date-time"},
    },
}


@route(bp, "/openapi.json", role=Role.VIEW, answers=dict)
def document() -> Response:
    """The API described, as OpenAPI 3.1."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return wire.json_response({**description(app), "servers": [{"url": url_for("browsing.browse").rstrip("/")}]})


@lru_cache(maxsize=1)
def description(app: Flask) -> dict[str, Any]:
    """The document without the place where it is served."""
    routes = [
        (rule, app.view_functions[rule.endpoint].declared, app.view_functions[rule.endpoint].__doc__ or "")  # type: ignore[union-attr]
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ())))
    ]
    routes = [route for route in routes if not (route[1].page or route[1].hidden or route[1].internal)]
    kinds = {
        kind for _, declared, _ in routes for kind in (declared.answers, declared.body) if kind not in {None, dict}
    }
    ordered = sorted(kinds | {ProblemShape}, key=lambda kind: kind.__name__)
    shapes, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    schemas = dict(zip(ordered, shapes, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for rule, declared, doc in routes:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[declared.method.lower()] = _operation(rule, declared, doc, schemas)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "watcher",
            "version": VERSION,
            "description": "Clips that cameras leave: listed, found, labelled, served.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "A key as password, any user."},
                "session": {"type": "apiKey", "in": "cookie", "name": "watcher_session"},
            },
        },
    }
    # The types are called shapes here, to tell them from the catalog's values; who reads the document need not.
    text = msgspec.json.encode(document).replace(b'Shape"', b'"')
    return cast("dict[str, Any]", msgspec.json.decode(text))


def _operation(rule: Any, declared: Declared, doc: str, schemas: dict[type, Any]) -> dict[str, Any]:
    summary, _, more = doc.strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": summary.strip(),
        "tags": [rule.endpoint.partition(".")[0]],
        "parameters": [_in_path(rule, name) for name in sorted(rule.arguments)]
        + [_in_query(name, PARAMETERS[name]) for name in declared.takes],
        "responses": _responses(declared, schemas),
    }
    if more.strip():
        operation["description"] = re.sub(r"\s+", " ", more.strip())
    if declared.body is not None:
        content = {"application/json": {"schema": schemas[declared.body]}}
        operation["requestBody"] = {"required": not declared.body_optional, "content": content}
    if declared.sends:
        schema = {"type": "string", "contentMediaType": declared.sends[0]}
        if declared.sends[0] == "multipart/form-data":
            schema = FORM
        operation["requestBody"] = {"required": True, "content": {declared.sends[0]: {"schema": schema}}}
    if declared.role is None:
        operation["security"] = [{}]
    else:  # a service that is open asks for none of them
        operation["security"] = [{"bearer": []}, {"basic": []}, {"session": []}, {}]
        operation["description"] = " ".join(
            filter(None, [operation.get("description"), f"Needs the role {declared.role}."])
        )
    return operation


def _in_path(rule: Any, name: str) -> dict[str, Any]:
    match = re.search(rf"<(?:(\w+):)?{name}>", rule.rule)
    schema, example = _CONVERTERS[(match and match[1]) or "default"]
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _in_query(name: str, parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = parameter.schema
    example = parameter.example
    if parameter.many:
        schema, example = {"type": "array", "items": schema}, [example]
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": schema,
        "example": example,
    }


def _responses(declared: Declared, schemas: dict[type, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done."}
    if declared.answers is not None:
        schema = {"type": "object"} if declared.answers is dict else schemas[declared.answers]
        if "fields" in declared.takes:  # of which only those are there that are asked for
            schema = {"anyOf": [schema, {"type": "object"}]}
        done["content"] = {declared.media_type: {} if declared.media_type.endswith("jsonl") else {"schema": schema}}
    responses = {str(status): done for status in (declared.status, *declared.or_status)}
    refusals = {400, *declared.problems}
    if declared.method in {"GET", "PATCH", "PUT", "POST"} and declared.body is None and declared.method == "GET":
        responses["304"] = {"description": "You have it already."}
    if declared.body is not None or declared.method in {"PUT", "POST"}:
        refusals |= {413}
    if declared.role is not None:
        refusals |= {401, 403}
    for status in sorted(refusals | NGINX):
        content = {"application/problem+json": {"schema": schemas[ProblemShape]}}
        responses[str(status)] = {"description": problems.PHRASES[status], "content": content}
    return responses
