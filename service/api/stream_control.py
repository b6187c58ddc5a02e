"""Control of an existing live input: rotate its stream key, enable and disable it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from providers.base import MAX_KEY_OVERLAP
from service.api.conference import CONFERENCE, TAG, StreamAnswer, stream_answer
from service.domain.conversation.channels import Channels
from service.domain.streams.streams import Streams
from service.http.fields import Whole
from service.http.operation import Call, Nothing, Operation, Reply, operation


class RotationBody(BaseModel):
    """Options of a key rotation."""

    overlap: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_KEY_OVERLAP,
            description="Seconds during which the old key still works. Cloudflare supports only 0.",
        ),
        Whole,
    ] = 0


def operations(channels: Channels, streams: Streams) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "POST",
        CONFERENCE + "/rotate_key",
        body=RotationBody,
        answers={200: StreamAnswer},
        tag=TAG,
        summary="Rotate the stream key",
    )
    async def rotate_key(call: Call[Nothing, RotationBody]) -> Reply:
        """Create a new stream key. Requires an admin of the channel (in a direct channel: a member) or an organization token.

        The old key stops working after `overlap` seconds, by default at once. An encoder that still uses it is disconnected with
        the reason. The broadcast stays open for `reconnect_timeout` seconds. 404 if the channel has no live input yet.
        """
        channel = await channels.controlled(call.client, call.path["channel_id"])
        return Reply(stream_answer(await streams.rotate_key(channel, call.body.overlap)))

    @operation("POST", CONFERENCE + "/enable", answers={200: StreamAnswer}, tag=TAG, summary="Enable the live input")
    async def enable_stream(call: Call[Nothing, Nothing]) -> Reply:
        """Allow encoders to publish. Requires the same permission as rotating the key.

        No effect if the live input is enabled. 404 if the channel has no live input yet.
        """
        return await set_enabled(call, True)

    @operation("POST", CONFERENCE + "/disable", answers={200: StreamAnswer}, tag=TAG, summary="Disable the live input")
    async def disable_stream(call: Call[Nothing, Nothing]) -> Reply:
        """Stop encoders from publishing. Requires the same permission as rotating the key.

        The current broadcast ends and becomes a recording; its encoder is disconnected with the reason.
        404 if the channel has no live input yet.
        """
        return await set_enabled(call, False)

    async def set_enabled(call: Call[Nothing, Nothing], enabled: bool) -> Reply:
        channel = await channels.controlled(call.client, call.path["channel_id"])
        return Reply(stream_answer(await streams.set_enabled(channel, enabled)))

    return [rotate_key, enable_stream, disable_stream]
