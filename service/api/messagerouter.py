"""The address of the real-time API, and a token for it."""

from __future__ import annotations

from pydantic import Field

from service.api.realtime.sockets import SOCKET
from service.domain.access.connection_access import ConnectionAccess
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer

TAG = "Real-time"


class MessageRouterAnswer(Answer):
    """Where to connect, and with which token."""

    url: str = Field(description="Address of the WebSocket.")
    permission_token: str = Field(
        repr=False,
        description="Stands for the credentials of this request, on the WebSocket only, and is revoked with them.",
    )
    expires_at: Moment
    expires_in: int = Field(description="Seconds.")


def operations(access: ConnectionAccess) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "GET",
        "/api/v5/messagerouter",
        answers={200: MessageRouterAnswer},
        tag=TAG,
        summary="Address and token of the real-time API",
    )
    async def get_message_router(call: Call[Nothing, Nothing]) -> Reply:
        """Return the address of the WebSocket and a token for it. See “Real-time” for its messages."""
        issued = await access.issue(call.request.headers.get("Authorization"))
        return Reply(
            MessageRouterAnswer(
                url=socket_url(call.origin),
                permission_token=issued.token,
                expires_at=issued.expires_at,
                expires_in=issued.expires_in,
            )
        )

    return [get_message_router]


def socket_url(origin: str) -> str:
    """Return the address of the WebSocket on the origin that the client uses: ws for http, wss for https."""
    return f"ws{origin.removeprefix('http')}{SOCKET}"
