"""Declaration of an operation of the API: its parameters, responses and access.

A handler is declared once, with its models; its binding (`binding.py`) and its documentation (`openapi.py`) come from there::

    @operation("GET", "/things/{thing_id}", answers={200: ThingAnswer}, summary="One thing", tag="Things")
    async def get_thing(call: Call[Nothing, Nothing]) -> Reply: ...
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from service.domain.access.accounts import Identity
from service.domain.errors import NotAuthenticated, NotFound
from service.http.dialect import Dialect

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class Nothing(BaseModel):
    """No query parameters, or no body."""


Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One validated request. `path` holds the identifiers of the path by name; `origin` is the scheme and host the client used."""

    request: web.Request
    path: Mapping[str, UUID]
    query: Q
    body: B
    identity: Identity | None
    origin: str

    @property
    def client(self) -> Identity:
        """The authenticated client. Only for operations that are not public."""
        if self.identity is None:
            raise NotAuthenticated
        return self.identity

    def number(self, name: str) -> int:
        """Return an integer id of the path. Raise NotFound for any other text."""
        written = self.request.match_info[name]
        if _NUMBER.fullmatch(written) is None:
            raise NotFound
        return int(written)

    def text(self, name: str) -> str:
        """Return a path parameter that is any text. Raise NotFound if it contains NUL, which no stored text does."""
        written = self.request.match_info[name]
        if "\0" in written:
            raise NotFound
        return written


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a model (None: no content), its status, and headers beside the usual ones.

    `as_of`: the moment at which it was current, if the provider is unavailable and this is its last good answer.
    """

    model: BaseModel | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    as_of: datetime | None = None


Handler = Callable[[Call[Any, Any]], Awaitable[Reply]]

USUAL_ERRORS: tuple[int, ...] = (401, 403, 404, 405, 429, 500, 503)
"""Errors of every operation with credentials, in addition to its own."""

PUBLIC_ERRORS: tuple[int, ...] = (404, 405, 429, 500, 503)
"""Errors of every public operation, in addition to its own."""

BODY_ERRORS: tuple[int, ...] = (400, 408, 413, 415)
"""Additional errors of every operation with a body."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A declared operation. Paths have no trailing slash; both forms are served."""

    method: str
    path: str
    handler: Handler
    answers: Mapping[int, type[BaseModel] | None]
    query: type[BaseModel]
    body: type[BaseModel]
    errors: tuple[int, ...]
    public: bool
    tag: str
    summary: str
    description: str
    media_type: str = "application/json"
    """Media type of successful responses."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of successful responses, with their descriptions."""
    dialect: Dialect | None = None
    """The conventions of its contract. None: those of the Pub API."""
    admit: Callable[[Call[Any, Any]], Awaitable[None]] | None = None
    """Checks a call of a dialect before its query and body are read, and raises the error of a refusal."""

    @property
    def takes_body(self) -> bool:
        return self.body is not Nothing


def operation(
    method: str,
    path: str,
    *,
    answers: Mapping[int, type[BaseModel] | None],
    query: type[Q] = Nothing,  # type: ignore[assignment]
    body: type[B] = Nothing,  # type: ignore[assignment]
    public: bool = False,
    errors: tuple[int, ...] = (),
    headers: Mapping[str, str] | None = None,
    dialect: Dialect | None = None,
    admit: Callable[[Call[Any, Any]], Awaitable[None]] | None = None,
    tag: str,
    summary: str,
) -> Callable[[Callable[[Call[Q, B]], Awaitable[Reply]]], Operation]:
    """Declare the decorated handler as an operation; its docstring becomes the description.

    `answers` maps the status codes of success to models, `errors` names codes beside those every operation has,
    `headers` describes the headers that a success may carry.
    """

    def declare(handler: Callable[[Call[Q, B]], Awaitable[Reply]]) -> Operation:
        if dialect is None:
            usual, of_body = PUBLIC_ERRORS if public else USUAL_ERRORS, BODY_ERRORS
        else:
            usual, of_body = dialect.public_errors if public else dialect.usual_errors, dialect.body_errors
        own = of_body if body is not Nothing else (400,) if query is not Nothing else ()
        return Operation(
            method=method,
            path=path,
            handler=handler,
            answers=answers,
            query=query,
            body=body,
            errors=tuple(sorted({*usual, *own, *errors})),
            public=public,
            tag=tag,
            summary=summary,
            description=inspect.cleandoc(handler.__doc__ or ""),
            headers=headers or {},
            dialect=dialect,
            admit=admit,
        )

    return declare
