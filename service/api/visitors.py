"""POST /api/v5/public/orgs/<org>/auth: identities for visitors of an organization's pages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from service.api.messagerouter import socket_url
from service.domain.access.visitors import SECRET_LENGTH, TOKEN_LIFETIME, VisitorIdentity, Visitors, show_expiry
from service.http.client_address import Networks, client_address
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer

MINIMAL_BAR_VERSION = 3
"""Value in the documented response; it is not used otherwise."""

SECRET_PATTERN = f"^[0-9a-fA-F]{{{SECRET_LENGTH}}}$"


class VisitorBody(BaseModel):
    """A returning visitor sends its secret; a new visitor sends none, or null."""

    visitor_secret_id: Annotated[str, Field(pattern=SECRET_PATTERN)] | None = None


class VisitorAnswer(Answer):
    """A visitor's identity. Keep the secret private: it identifies the visitor."""

    visitor_id: str = Field(description="32 hex digits. Public, and different in every organization.")
    visitor_secret_id: str = Field(repr=False, description="50 hex digits. Store it for the next visit.")
    organization_id: UUID
    socket_url: str = Field(description="Address of the real-time API's WebSocket.")
    access_token: str = Field(repr=False, description="Send it as `Authorization: Bearer …` with every public request.")
    expires_at: str = Field(json_schema_extra={"format": "date-time"})
    expires_in: int = Field(description="Seconds.")
    minimal_bar_version: int


def operations(visitors: Visitors, trusted_proxies: Networks = ()) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "POST",
        "/api/v5/public/orgs/{organization_id}/auth",
        body=VisitorBody,
        answers={200: VisitorAnswer},
        public=True,
        tag="Public",
        summary="Identify a visitor",
    )
    async def authenticate_visitor(call: Call[Nothing, VisitorBody]) -> Reply:
        """Return a visitor's identity; no credentials are required. The same secret returns the same visitor_id and a new token."""
        forwarded = ", ".join(call.request.headers.getall("X-Forwarded-For", []))
        address = client_address(call.request.remote or "", forwarded, trusted_proxies)
        identity = await visitors.identify(call.path["organization_id"], call.body.visitor_secret_id, address)
        return Reply(_visitor(identity, call.origin), headers={"Cache-Control": "no-store"})

    return [authenticate_visitor]


def _visitor(identity: VisitorIdentity, origin: str) -> VisitorAnswer:
    return VisitorAnswer(
        visitor_id=identity.visitor_id,
        visitor_secret_id=identity.secret,
        organization_id=identity.organization_id,
        socket_url=socket_url(origin),
        access_token=identity.access_token,
        expires_at=show_expiry(identity.expires_at),
        expires_in=TOKEN_LIFETIME,
        minimal_bar_version=MINIMAL_BAR_VERSION,
    )
