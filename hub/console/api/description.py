"""`/api/v1/openapi.json`: the API's own description, made from the types of its endpoints."""

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hub import __version__
from hub.console.access import ConsoleRole, needs
from hub.console.api.frame import JSON, PREFIX, Endpoint, Error

REF = "#/components/schemas/{name}"
TROUBLE = (400, 401, 403, 404, 405, 409, 413, 422, 429, 503)
ABOUT = """\
What the pages of the console ask, for programs of the town.

Times are milliseconds since 1970, UTC. Texts for people come in pairs, `place` in Japanese and `place_en`.
Ask with the cookie of a login, or through the proxy of the town's single sign-on. What is not a GET needs
the header `x-csrf-token` with the value of the meta element `csrf` of any page of the console, and a JSON
body. `/api/v1/stream` sends `changed` events (Server-Sent Events) with the ids of what to ask for anew."""


def routes(endpoints: Iterable[Endpoint]) -> tuple[BaseRoute, ...]:
    described = msgspec.json.encode(describe(tuple(endpoints)))

    @needs(ConsoleRole.VIEWER)
    async def openapi(_request: Request) -> Response:
        return Response(described, media_type=JSON)

    return (Route(f"{PREFIX}/openapi.json", openapi),)


def describe(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """OpenAPI 3.1 of these endpoints."""
    types = [kind for one in endpoints for kind in (one.asked, one.answer) if _is_described(kind)]
    _, schemas = msgspec.json.schema_components([*types, Error], ref_template=REF)
    paths: dict[str, Any] = {}
    for one in endpoints:
        paths.setdefault(PREFIX + one.path, {})[one.method.lower()] = _operation(one, schemas)
    asked = {one.asked.__name__ for one in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Naruko", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in asked},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "naruko"},
                "csrf": {"type": "apiKey", "in": "header", "name": "x-csrf-token"},
            },
        },
    }


def _is_described(kind: Any) -> bool:
    return not (isinstance(kind, type) and issubclass(kind, Response))


def _operation(one: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = inspect.cleandoc(one.handler.__doc__ or "").partition("\n")
    asked = schemas[one.asked.__name__]
    fields: dict[str, Any] = asked.get("properties", {})
    in_path = set(re.findall(r"\{(\w+)\}", one.path))
    required = set(asked.get("required", ()))
    found: dict[str, Any] = {
        "operationId": one.handler.__name__,
        "summary": summary,
        "description": f"{rest.strip()}\n\nRole: {one.role}.".strip(),
        "security": [{"session": []} if one.method == "GET" else {"session": [], "csrf": []}],
        "parameters": [
            {
                "name": name,
                "in": "path" if name in in_path else "query",
                "required": name in in_path or name in required,
                "schema": fields[name],
            }
            for name in fields
            if one.method == "GET" or name in in_path
        ],
        "responses": {"200": _content(one.answer)} | {str(status): _trouble(status) for status in TROUBLE},
    }
    if one.method != "GET":
        body = {name: field for name, field in fields.items() if name not in in_path}
        schema = asked | {"properties": body, "required": sorted(required - in_path)}
        found["requestBody"] = {"content": {JSON: {"schema": schema}}, "required": bool(schema["required"])}
    return found


def _content(answer: Any) -> dict[str, Any]:
    if not _is_described(answer):
        return {"description": "OK"}
    (schema,), _ = msgspec.json.schema_components([answer], ref_template=REF)
    return {"description": "OK", "content": {JSON: {"schema": schema}}}


def _trouble(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {JSON: {"schema": {"$ref": REF.format(name="Error")}}},
    }
