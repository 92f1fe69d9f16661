"""/openapi.json: the API as OpenAPI 3.1, made from the table of routes and the types of `operations`.

It says what is there for whoever may ask, and nothing of this installation. Endpoints outside /v1, for customers and
carriers, are described in words.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from notifier import __version__
from notifier.web.operations import CSV, FLAG, INSTANT, JSON, NUMBER, OPERATIONS, TEXT, Operation
from notifier.web.problem import PROBLEM, Problem
from notifier.web.route import Route, answer

PATH = "/openapi.json"
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_OPEN = (
    ("get", "/healthz", "Tell that the process is alive.", JSON),
    ("get", "/readyz", "Tell whether the daemon can work.", JSON),
    ("get", PATH, "Give this description.", JSON),
    ("get", "/u/{token}", "Ask a customer whether to opt out.", "text/html"),
    ("post", "/u/{token}", "Opt a customer out, in one click.", "text/html"),
    ("get", "/p/{token}", "Show a customer their own settings.", "text/html"),
    ("post", "/p/{token}", "Save a customer's own settings.", "text/html"),
    ("post", "/webhooks/twilio/sms", "Take a text from a customer.", "text/xml"),
    ("post", "/webhooks/twilio/status", "Take what Twilio reports about a text.", "text/plain"),
)
_SCHEMAS: dict[str, dict[str, Any]] = {
    FLAG: {"type": "string", "enum": ["0", "1", "true", "false"]},
    NUMBER: {"type": "integer", "minimum": 0},
    TEXT: {"type": "string"},
    INSTANT: {"type": "string", "format": "date-time"},
}


def route(routes: Iterable[Route]) -> web.RouteDef:
    """Return the endpoint; the description is made once, when it is first asked for."""
    made: list[dict[str, Any]] = []

    async def show(_request: web.Request) -> web.StreamResponse:
        if not made:
            made.append(describe(routes))
        return answer(made[0])

    return web.get(PATH, show)


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the description of the whole API."""
    routes = list(routes)
    found = [(each, OPERATIONS.get((each.method, each.path), Operation())) for each in routes]
    types = [type_ for _, one in found for type_ in (one.takes, *one.answers()) if type_ not in (None, bytes)]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF, schema_hook=_any)
    by_type = dict(zip(map(_key, [*types, Problem]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each, one in found:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, one, by_type)
    for method, path, summary, type_ in _OPEN:
        paths.setdefault(path, {})[method] = _open(path, summary, type_)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Notifier", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key: ntf_..."}},
        },
        "security": [{"key": []}],
    }


def _operation(route_: Route, one: Operation, by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    role = str(route_.role) + (" or system" if route_.or_system else "")
    said: dict[str, Any] = {
        "operationId": f"{route_.handler.__module__.rpartition('.')[2]}.{route_.handler.__name__.rstrip('_')}",
        "summary": (route_.handler.__doc__ or "").strip().splitlines()[0],
        "description": f"Role: {role}.",
        "parameters": [*_of_path(route_.path), *(_of_query(name, kind) for name, kind in one.query.items())],
        "responses": {str(status): _success(one, by_type) for status in one.statuses}
        | {"default": {"description": "An error.", "content": {PROBLEM: {"schema": by_type[_key(Problem)]}}}},
    }
    if one.takes is not None:
        schema = by_type[_key(one.takes)] if one.takes is not bytes else {}
        said["requestBody"] = {"content": {one.body_type: {"schema": schema if one.body_type == JSON else {}}}}
        if one.body_type != JSON and one.takes is not bytes:
            said["requestBody"]["description"] = f"One object a line: {schema.get('$ref', '').rpartition('/')[2]}."
    return said


def _success(one: Operation, by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    may_be = [by_type[_key(each)] for each in one.answers()]
    schema: dict[str, Any] = {"anyOf": may_be} if len(may_be) > 1 else (may_be or [{}])[0]
    text = {JSON: "Done.", CSV: "A file for billing."}.get(one.answer_type, "One object a line.")
    return {"description": text, "content": {one.answer_type: {"schema": schema}}}


def _of_path(path: str) -> list[dict[str, Any]]:
    schema = {"id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema.get(name, {"type": "string", "minLength": 1})}
        for name in _PARAMETER.findall(path)
    ]


def _of_query(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _SCHEMAS[kind]}


def _open(path: str, summary: str, type_: str) -> dict[str, Any]:
    said = {"description": "Done.", "content": {type_: {}}}
    return {
        "summary": summary,
        "parameters": _of_path(path),
        "security": [],
        "responses": {"200": said, "default": {"description": "An error."}},
    }


def _any(type_: type) -> dict[str, Any]:
    """Return the schema of what may be anything."""
    if type_ is object:
        return {"description": "Any JSON."}  # an empty schema would count as none
    raise NotImplementedError


def _key(type_: Any) -> str:
    return repr(type_)
