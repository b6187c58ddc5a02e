"""The OpenAPI 3.1 document, made from the declared operations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.api.contract import Nothing, Operation
from service.api.schemas import Detail, Problem

OPENAPI_VERSION = "3.1.0"
_REFERENCE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)\}")

SECURITY_SCHEMES = {
    "ApiToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "An API token: `Token <token>`.",
    },
    "AccessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A short-lived access token: `Bearer <token>`.",
    },
}

_ERROR_HEADERS = {
    401: ("WWW-Authenticate", "The kind of credentials wanted."),
    405: ("Allow", "The methods there are."),
    429: ("Retry-After", "Seconds to wait."),
    503: ("Retry-After", "Seconds to wait."),
}


ERROR_EXAMPLES: dict[int, dict[str, Any]] = {
    400: {"name": ["This field is required."]},
    401: {"detail": "Authentication credentials were not provided."},
    403: {"detail": "You do not have permission to perform this action."},
    404: {"detail": "Not found."},
    405: {"detail": 'Method "PUT" not allowed.'},
    408: {"detail": "The request body did not arrive in time."},
    409: {"detail": "There is another message with this id."},
    413: {"detail": "The request body is too large."},
    415: {"detail": 'Unsupported media type "text/plain" in request.'},
    429: {"detail": "Request was throttled. Expected available in 2 seconds."},
    500: {"detail": "Internal server error."},
    503: {"detail": "The store is away."},
}
"""What an error of each status looks like."""


def document(operations: Iterable[Operation], *, title: str, version: str, description: str = "") -> dict[str, Any]:
    """The whole document."""
    declared = list(operations)
    references, components = _schemas(declared)
    paths: dict[str, dict[str, Any]] = {}
    for each in declared:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, references)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": title, "version": version, "description": description},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SECURITY_SCHEMES},
    }


_Key = tuple[type[BaseModel], JsonSchemaMode]


def _schemas(operations: list[Operation]) -> tuple[dict[_Key, dict[str, Any]], dict[str, Any]]:
    models: dict[_Key, None] = {(Detail, "serialization"): None, (Problem, "serialization"): None}
    for each in operations:
        if each.takes_body:
            models[each.body, "validation"] = None
        if each.query is not Nothing:
            models[each.query, "validation"] = None
        for model in each.answers.values():
            if model is not None:
                models[model, "serialization"] = None
    references, definitions = _definitions(tuple(models))
    queries = {each.query.__name__ for each in operations}
    components = {name: schema for name, schema in definitions.get("$defs", {}).items() if name not in queries}
    return references, components


@cache
def _definitions(models: tuple[_Key, ...]) -> tuple[dict[_Key, dict[str, Any]], dict[str, Any]]:
    """Nearly all of the document's cost, and the same for every application of a process. Not to be changed."""
    references, definitions = models_json_schema(models, ref_template=_REFERENCE)
    return {(model, mode): schema for (model, mode), schema in references.items()}, definitions  # type: ignore[misc]


@cache
def _query_schema(query: type[BaseModel]) -> dict[str, Any]:
    """The same for every application of a process. Not to be changed."""
    return query.model_json_schema(ref_template=_REFERENCE)


def _operation(operation: Operation, references: dict[_Key, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": getattr(operation.handler, "__name__", operation.summary),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, references),
        "security": [] if operation.public else [{name: []} for name in SECURITY_SCHEMES],
    }
    if operation.description:
        described["description"] = operation.description
    if operation.takes_body:
        schema = references[operation.body, "validation"]
        needed = any(field.is_required() for field in operation.body.model_fields.values())
        described["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _identifier(name)}
        for name in _PARAMETER.findall(operation.path)
    ]


def _identifier(name: str) -> dict[str, Any]:
    if name.endswith("_uid"):
        return {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}
    return {"type": "string", "format": "uuid"}


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is Nothing:
        return []
    schema = _query_schema(operation.query)
    required = schema.get("required", [])
    parameters = []
    for name, described in schema["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in required, "schema": _without_null(described)}
        if "description" in described:
            parameter["description"] = described["description"]
        parameters.append(parameter)
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent, not null."""
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    choices = [each for each in kept.pop("anyOf", []) if each.get("type") != "null"]
    if kept.get("default", "") is None:
        del kept["default"]
    if len(choices) == 1:
        return {**choices[0], **kept}
    return {**kept, **({"anyOf": choices} if choices else {})}


def _responses(operation: Operation, references: dict[_Key, dict[str, Any]]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in operation.errors:
        model: type[BaseModel] = Problem if status == 400 else Detail
        responses[str(status)] = _response(status, references[model, "serialization"])
    for status, answer in operation.answers.items():
        schema = None if answer is None else references[answer, "serialization"]
        if schema is not None and str(status) in responses:
            own = responses[str(status)]["content"]["application/json"]["schema"]
            schema = {"anyOf": [schema, own]}
        responses[str(status)] = _response(status, schema, operation.media_type)
    return dict(sorted(responses.items()))


def _response(status: int, schema: dict[str, Any] | None, media_type: str = "application/json") -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        example = {"example": ERROR_EXAMPLES[status]} if status in ERROR_EXAMPLES else {}
        response["content"] = {media_type: {"schema": schema, **example}}
    if status in _ERROR_HEADERS:
        name, meaning = _ERROR_HEADERS[status]
        response["headers"] = {name: {"description": meaning, "required": True, "schema": {"type": "string"}}}
    return response
