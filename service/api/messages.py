"""Messages of a channel."""

from __future__ import annotations

from service.api.message_schemas import MessageAnswer, MessageBody, MessageEdit, MessagePage, TimeQuery, message_answer
from service.domain.conversation.messages import Messages
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import page_reply, page_request

PATH = "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/messages"
MESSAGE = PATH + "/{message_id}"
TAG = "Messages"


def operations(messages: Messages) -> list[Operation]:
    """Return the operations of this resource."""

    @operation("GET", PATH, query=TimeQuery, answers={200: MessagePage}, tag=TAG, summary="Messages of the channel")
    async def list_messages(call: Call[TimeQuery, Nothing]) -> Reply:
        """Return the messages, by default newest first. Messages sent while a client pages do not shift the pages."""
        request = page_request(call, by_uuid=True)
        page = await messages.list(call.client, call.path["channel_id"], call.query.ordering, request)
        return page_reply(MessagePage, call, page, message_answer)

    @operation(
        "POST", PATH, body=MessageBody, answers={200: MessageAnswer, 201: MessageAnswer}, errors=(409,), tag=TAG,
        summary="Send a message",
    )  # fmt: skip
    async def send_message(call: Call[Nothing, MessageBody]) -> Reply:
        """Send a message. With a client-generated `id` the request is safe to retry: a repetition returns 200.

        409 if the channel has another message with that id.
        """
        message, is_new = await messages.post(call.client, call.path["channel_id"], call.body.draft())
        return Reply(message_answer(message), status=201 if is_new else 200)

    @operation("GET", MESSAGE, answers={200: MessageAnswer}, tag=TAG, summary="Retrieve a message")
    async def get_message(call: Call[Nothing, Nothing]) -> Reply:
        """Return a message. A deleted message has the type `deleted` and an empty body."""
        found = await messages.get(call.client, call.path["channel_id"], call.path["message_id"])
        return Reply(message_answer(found))

    @operation("PATCH", MESSAGE, body=MessageEdit, answers={200: MessageAnswer}, tag=TAG, summary="Edit a message")
    async def edit_message(call: Call[Nothing, MessageEdit]) -> Reply:
        """Replace the body of a message. Requires its sender. 404 for a deleted message."""
        edited = await messages.edit(call.client, call.path["channel_id"], call.path["message_id"], call.body.content())
        return Reply(message_answer(edited))

    @operation("DELETE", MESSAGE, answers={204: None}, tag=TAG, summary="Delete a message")
    async def delete_message(call: Call[Nothing, Nothing]) -> Reply:
        """Delete a message. Requires its sender or an admin of the channel. The message remains, with the type `deleted`."""
        await messages.delete(call.client, call.path["channel_id"], call.path["message_id"])
        return Reply(None, status=204)

    return [list_messages, send_message, get_message, edit_message, delete_message]
