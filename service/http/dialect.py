"""The conventions of an API contract other than the Pub API: its credentials, bodies, errors and path parameters.

Operations with a dialect are bound, documented and limited like all others. Only these conventions differ.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """The model of an error response, with an example."""

    model: type[BaseModel]
    example: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One contract's conventions.

    Attributes:
        credentials: Returns the credentials of a request as a value of the header Authorization. None: there are none.
        read_body: Reads and decodes a body. It may raise any error that `refusal` converts.
        refusal: Returns the response to an error. None: the error is answered like those of the Pub API.
        usual_errors, public_errors, body_errors: As those in `operation.py`.
        error_forms: The form of errors by status. Other statuses have the form of the Pub API.
        security: The security requirement of operations with credentials (OpenAPI 3.1.0 §4.8.30).
        parameters: Schemas of path parameters by name.
        patterns: Regular expressions of path parameters by name, where a parameter and a fixed name are in the same place.
    """

    credentials: Callable[[web.Request], str | None]
    read_body: Callable[[web.Request], Awaitable[Any]]
    refusal: Callable[[Exception], web.Response | None]
    usual_errors: tuple[int, ...]
    public_errors: tuple[int, ...]
    body_errors: tuple[int, ...]
    error_forms: Mapping[int, ErrorForm]
    security: list[dict[str, list[str]]]
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)

    def route(self, path: str) -> str:
        """Return the path of an operation with its patterns, as aiohttp writes them."""
        for name, pattern in self.patterns.items():
            path = path.replace(f"{{{name}}}", f"{{{name}:{pattern}}}")
        return path
