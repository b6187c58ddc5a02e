"""The messages of the real-time API, as text and as WebSocket frames.

Two forms: objects (today's), and the arrays of 2015 (`["sub", …]`, `["changed", …]`). A subscription gets the form in which it
was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.domain.errors import Invalid
from service.domain.events.event import Event
from service.http.errors import BadBody, invalid
from service.http.json_text import readable

MAX_TOKEN = 4096
"""The longest token, in characters."""

MAX_REFERENCE = 1024
"""The longest `ref`, in characters of JSON."""

TEXT = 0x81
"""First byte of a frame with a whole text message (RFC 6455 §5.2)."""


class Action(StrEnum):
    """What a client asks for."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


class Form(StrEnum):
    """The form of messages."""

    OBJECT = "object"
    ARRAY = "array"


class SocketRequest(BaseModel):
    """What a client sends. Unknown members are ignored."""

    model_config = ConfigDict(strict=True)

    action: Annotated[Action, Field(strict=False)]
    channel: str
    token: Annotated[str | None, Field(max_length=MAX_TOKEN)] = Field(None, repr=False)
    since: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None
    ref: Any = None


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed message of a client. `ref` comes back in the answer."""

    action: Action
    channel: str
    token: str | None = field(repr=False)
    since: int | None
    ref: Any
    form: Form


def parse(text: str) -> Request:
    """Parse a message of a client. Errors: BadBody (not JSON), Invalid."""
    try:
        value = json.loads(readable(text.encode(errors="replace")), parse_constant=_no_number)
    except (ValueError, RecursionError) as wrong:
        raise BadBody(f"JSON parse error - {str(wrong).partition(':')[0]}") from None
    if isinstance(value, list):
        return _parse_array(value)
    try:
        request = SocketRequest.model_validate(value)
    except ValidationError as error:
        raise invalid(error) from None
    return Request(request.action, request.channel, request.token, request.since, _bounded(request.ref), Form.OBJECT)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _parse_array(value: list[Any]) -> Request:
    """Parse `["sub", ["<channel>", "<token>"], {…}]` or `["unsub", ["<channel>"], {…}]`. `since` may stand in the last object."""
    name, arguments, options = (*value, None, None, None)[:3]
    actions = {"sub": Action.SUBSCRIBE, "unsub": Action.UNSUBSCRIBE}
    if not isinstance(name, str) or name not in actions:
        raise Invalid(
            {"": ['An array is a command of the older form: ["sub", [channel, token], {"query": 1}] or ["unsub", …].']}
        )
    if (
        not isinstance(arguments, list)
        or not 1 <= len(arguments) <= 2
        or not all(isinstance(each, str) for each in arguments)
    ):
        raise Invalid({"": ["The second item is an array of the channel and the token."]})
    options = options if isinstance(options, dict) else {}
    since = options.get("since")
    if since is not None and (type(since) is not int or not 0 <= since < 2**63):
        raise Invalid({"since": ["A valid integer is required."]})
    token = arguments[1] if len(arguments) == 2 else None
    if token is not None and len(token) > MAX_TOKEN:
        raise Invalid({"token": [f"Ensure this field has no more than {MAX_TOKEN} characters."]})
    return Request(actions[name], arguments[0], token, since, _bounded(options.get("query")), Form.ARRAY)


def _bounded(ref: Any) -> Any:
    try:
        size = len(json.dumps(ref))
    except RecursionError:
        size = MAX_REFERENCE + 1
    if size > MAX_REFERENCE:
        raise Invalid({"ref": [f"Ensure this field has no more than {MAX_REFERENCE} characters."]})
    return ref


def subscribed(request: Request, channel: str, id_: int) -> str:
    """Return the answer to a subscription: every change of the channel after `id` follows."""
    if request.form is Form.ARRAY:
        return _text(["__qr__", [[]], {"query": request.ref, "id": id_}])
    return _answer({"action": "subscribed", "channel": channel, "id": id_}, request.ref)


def unsubscribed(request: Request, channel: str) -> str:
    """Return the answer to the end of a subscription that the client request for."""
    if request.form is Form.ARRAY:
        return _text(["__qr__", [[]], {"query": request.ref}])
    return _answer({"action": "unsubscribed", "channel": channel}, request.ref)


def refused(request: Request, status: int, problem: Any) -> str:
    """Return the answer to a request that fails: the status and the body that HTTP would have."""
    if request.form is Form.ARRAY:
        return _text(["__qr__", [[]], {"query": request.ref, "fail": True, "status": status, "error": problem}])
    return _answer({"action": "refused", "channel": request.channel, "status": status, "error": problem}, request.ref)


def gone(request: Request, channel: str, id_: int) -> str:
    """Return the answer to a `since` from which the log cannot be replayed: list the resources again."""
    problem = {
        "detail": f"The changes after {request.since} are no longer kept. Subscribe without `since`, then list the resources."
    }
    if request.form is Form.ARRAY:
        return _text(["__qr__", [[]], {"query": request.ref, "fail": True, "gone": True, "id": id_, "error": problem}])
    return _answer({"action": "gone", "channel": channel, "id": id_, "error": problem}, request.ref)


def ended(channel: str, status: int, problem: Any, form: Form) -> str:
    """Return the message that a subscription ends because a GET would now be refused."""
    if form is Form.ARRAY:
        return _text(["ended", [channel, {"status": status, "error": problem}]])
    return _text({"action": "unsubscribed", "channel": channel, "status": status, "error": problem})


def missed(channel: str, id_: int, form: Form) -> str:
    """Return the message that changes were purged before they could be sent. The subscription goes on after `id`."""
    return _text(
        ["gone", [channel, {"id": id_}]] if form is Form.ARRAY else {"action": "gone", "channel": channel, "id": id_}
    )


def malformed(status: int, problem: Any) -> str:
    """Return the answer to a message that is not understood."""
    return _text({"action": "error", "status": status, "error": problem})


def position(organization_id: UUID, id_: int) -> str:
    """Return the message that all changes up to `id` have been sent to the subscriptions in this organization."""
    return _text({"action": "position", "organization_id": str(organization_id), "id": id_})


def change(event: Event, channel: str, form: Form, more: dict[str, Any] | None = None) -> str:
    """Return a change message. `more`: attributes of the resource that depend on the reader."""
    resource = event.resource if more is None or event.resource is None else {**event.resource, **more}
    members = {} if resource is None else {"resource": resource}
    if form is Form.ARRAY:
        content = {"action": event.action.value, "resourceId": event.resource_id, **members, "id": event.id}
        return _text(["changed", [channel, content]])
    return _text(
        {"channel": channel, "action": event.action.value, "resource_id": event.resource_id, **members, "id": event.id}
    )


def frame(text: str) -> bytes:
    """Return a server's frame with a whole text message (RFC 6455 §5.2): not masked, not compressed."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        head = bytes((TEXT, size))
    elif size < 1 << 16:
        head = bytes((TEXT, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((TEXT, 127)) + size.to_bytes(8, "big")
    return head + payload


def _answer(members: dict[str, Any], ref: Any) -> str:
    return _text(members if ref is None else {**members, "ref": ref})


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
