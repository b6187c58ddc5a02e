"""The OpenAPI 3.1 document, made from the declared operations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.http.operation import Nothing, Operation
from service.http.schemas import Detail, Problem

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
    "AccountToken": {
        "type": "apiKey",
        "in": "header",
        "name": "api_access_token",
        "description": "An API token without a prefix. The header may be spelled `api-access-token` as well.",
    },
}

PUB_API_SCHEMES = ("ApiToken", "AccessToken")
"""The security schemes of the Pub API."""

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
    409: {"detail": "There is another message with this id in the channel."},
    413: {"detail": "The request body is too large."},
    415: {"detail": 'Unsupported media type "text/plain" in request.'},
    429: {"detail": "Request was throttled. Expected available in 2 seconds."},
    500: {"detail": "Internal server error."},
    503: {"detail": "The store is not available."},
}
"""Models of error responses by status."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """Introduction of the document (OpenAPI 3.1.0 §4.8.2). `tags` maps names to descriptions, in order."""

    title: str
    version: str
    description: str
    license: Mapping[str, str]
    contact: Mapping[str, str]
    servers: list[dict[str, str]]
    tags: Mapping[str, str]


def document(
    operations: Iterable[Operation],
    examples: Mapping[type[BaseModel], Any],
    introduction: Introduction,
    webhooks: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the whole document.

    Args:
        examples: The models of bodies and answers, with an example each.
        webhooks: The requests that the service sends (OpenAPI 3.1.0 §4.8.1).
    """
    declared = list(operations)
    references, components = _schemas(declared)
    paths: dict[str, dict[str, Any]] = {}
    for each in declared:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, references, examples)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": introduction.title,
            "version": introduction.version,
            "description": introduction.description,
            "license": introduction.license,
            "contact": introduction.contact,
        },
        "servers": introduction.servers,
        "tags": [{"name": name, "description": described} for name, described in introduction.tags.items()],
        "paths": paths,
        "webhooks": webhooks,
        "components": {"schemas": components, "securitySchemes": SECURITY_SCHEMES},
    }


_Key = tuple[type[BaseModel], JsonSchemaMode]


def _schemas(operations: list[Operation]) -> tuple[dict[_Key, dict[str, Any]], dict[str, Any]]:
    models: dict[_Key, None] = {(Detail, "serialization"): None, (Problem, "serialization"): None}
    for each in operations:
        if each.dialect is not None:
            models |= {(form.model, "serialization"): None for form in each.dialect.error_forms.values()}
        if each.takes_body:
            models[each.body, "validation"] = None
        if each.query is not Nothing:
            models[each.query, "validation"] = None
        for model in each.answers.values():
            if model is not None:
                models[model, "serialization"] = None
    references, definitions = _definitions(tuple(models))
    queries = {each.query.__name__ for each in operations}
    used = json.dumps(
        [definitions, list(references.values())]
    )  # pydantic keeps the schema of a type that has another one
    components = {
        name: schema
        for name, schema in definitions.get("$defs", {}).items()
        if name not in queries and json.dumps(_REFERENCE.format(model=name)) in used
    }
    return references, components


@cache
def _definitions(models: tuple[_Key, ...]) -> tuple[dict[_Key, dict[str, Any]], dict[str, Any]]:
    """Return the schemas, shared by all applications of a process: do not modify. They are nearly all of the document's cost."""
    references, definitions = models_json_schema(models, ref_template=_REFERENCE)
    for schema in definitions.get("$defs", {}).values():
        for described in schema.get("properties", {}).values():
            _describe_default(described)
    return {(model, mode): schema for (model, mode), schema in references.items()}, definitions  # type: ignore[misc]


def _describe_default(described: dict[str, Any]) -> None:
    """Move a member's default to its description.

    Code generators treat a member with the keyword `default` as always present: their clients require it in requests.
    """
    default = described.pop("default", None)
    if default not in (None, "", []) and not isinstance(default, dict):
        sentences = [described.get("description", "").rstrip(), f"Default: `{json.dumps(default)}`."]
        described["description"] = " ".join(filter(None, sentences))


@cache
def _query_schema(query: type[BaseModel]) -> dict[str, Any]:
    """Return the query's schema, shared by all applications of a process: do not modify."""
    return query.model_json_schema(ref_template=_REFERENCE)


def _operation(
    operation: Operation, references: dict[_Key, dict[str, Any]], examples: Mapping[type[BaseModel], Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": getattr(operation.handler, "__name__", operation.summary),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, references, examples),
        "security": _security(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.takes_body:
        schema = references[operation.body, "validation"]
        needed = any(field.is_required() for field in operation.body.model_fields.values())
        content = _content(schema, examples[operation.body])
        described["requestBody"] = {"required": needed, "content": {"application/json": content}}
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.public:
        return []
    if operation.dialect is not None:
        return operation.dialect.security
    return [{name: []} for name in PUB_API_SCHEMES]


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    own = {} if operation.dialect is None else operation.dialect.parameters
    return [
        {"name": name, "in": "path", "required": True, "schema": own.get(name) or _identifier(name)}
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
    """Remove null from a query parameter's schema: it is absent, not null, and an empty one means none."""
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    choices = [each for each in kept.pop("anyOf", []) if each.get("type") != "null"]
    if kept.get("default") in (None, "", []):
        kept.pop("default", None)
    if len(choices) == 1:
        return {**choices[0], **kept}
    return {**kept, **({"anyOf": choices} if choices else {})}


def _responses(
    operation: Operation, references: dict[_Key, dict[str, Any]], examples: Mapping[type[BaseModel], Any]
) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    own_forms = {} if operation.dialect is None else operation.dialect.error_forms
    for status in operation.errors:
        if (form := own_forms.get(status)) is not None:
            own = _response(status, references[form.model, "serialization"], dict(form.example))
            responses[str(status)] = own
            continue
        model: type[BaseModel] = Problem if status == 400 else Detail
        responses[str(status)] = _response(status, references[model, "serialization"], ERROR_EXAMPLES[status])
    for status, answer in operation.answers.items():
        if answer is None:
            responses[str(status)] = _response(status)
            continue
        schema, example = references[answer, "serialization"], examples[answer]
        if str(status) in responses:  # a part of the service's own, or the error every operation has
            schema = {"anyOf": [schema, responses[str(status)]["content"]["application/json"]["schema"]]}
            example = ERROR_EXAMPLES[status]
        response = responses[str(status)] = _response(status, schema, example, operation.media_type)
        for name, meaning in operation.headers.items():
            described = {"description": meaning, "schema": {"type": "string"}}
            response.setdefault("headers", {})[name] = described
    return dict(sorted(responses.items()))


def _response(
    status: int, schema: dict[str, Any] | None = None, example: Any = None, media_type: str = "application/json"
) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        response["content"] = {media_type: _content(schema, example)}
    if status in _ERROR_HEADERS:
        name, meaning = _ERROR_HEADERS[status]
        response["headers"] = {name: {"description": meaning, "required": True, "schema": {"type": "string"}}}
    return response


def _content(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """Return `examples`, not `example`: the page at /docs reads an object there as a map of examples."""
    return {"schema": schema, "examples": {"example": {"value": example}}}
