"""Declarations of the operations of the API channel: each answers 200 in the conventions of its contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel

from service.api.inboxes.contract import CONTRACT
from service.api.inboxes.services import InboxServices
from service.domain.inboxes.access import Desk
from service.http.operation import Call, Nothing, Operation, Reply, operation

AGENTS = "API channel"
CONTACTS_APPS = "API channel: contacts' apps"

Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)
Declare = Callable[[Callable[[Call[Q, B]], Awaitable[Reply]]], Operation]


def agent_operation(
    method: str,
    path: str,
    answer: type[BaseModel] | None,
    summary: str,
    *,
    query: type[Q] = Nothing,  # type: ignore[assignment]
    body: type[B] = Nothing,  # type: ignore[assignment]
) -> Declare[Q, B]:
    """Declare the decorated handler as an operation for agents and bots, who send a token.

    `answer` is the model of the response; None for a response without content.
    """
    return operation(
        method, path, answers={200: answer}, query=query, body=body, dialect=CONTRACT, tag=AGENTS, summary=summary
    )


def public_operation(
    services: InboxServices,
    method: str,
    path: str,
    answer: type[BaseModel] | None,
    summary: str,
    *,
    query: type[Q] = Nothing,  # type: ignore[assignment]
    body: type[B] = Nothing,  # type: ignore[assignment]
) -> Declare[Q, B]:
    """Declare the decorated handler as an operation without a token. Each call counts against the limit of its address."""

    async def admit(call: Call[Any, Any]) -> None:
        """Check the address and, before a body is read, the inbox: a body costs more than both."""
        services.limit.check(call)
        if body is not Nothing:
            await services.public.inbox(call.text("inbox_identifier"))

    return operation(
        method, path, answers={200: answer}, query=query, body=body, public=True, dialect=CONTRACT, admit=admit,
        tag=CONTACTS_APPS, summary=summary,
    )  # fmt: skip


async def desk_of(services: InboxServices, call: Call[Any, Any], *, bots: bool = False) -> Desk:
    """Return the desk of the client in the account of the path. Errors: see `InboxAccess.enter`."""
    return await services.access.enter(call.client, call.number("account_id"), bots=bots)
