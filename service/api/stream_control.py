"""What the owner of a live input does to it while it exists: change its key, switch it off and on."""

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
    """How the old key goes."""

    overlap: Annotated[
        int,
        Field(ge=0, le=MAX_KEY_OVERLAP, description="Seconds the old key still works. Cloudflare takes only 0."),
        Whole,
    ] = 0


def operations(channels: Channels, streams: Streams) -> list[Operation]:
    """The operations of this resource."""

    @operation(
        "POST",
        CONFERENCE + "/rotate_key",
        body=RotationBody,
        answers={200: StreamAnswer},
        tag=TAG,
        summary="Give the channel's live input a new stream key",
    )
    async def rotate_key(call: Call[Nothing, RotationBody]) -> Reply:
        """For the channel's admins and for tokens that belong to the organization alone: 403 for others.

        The old key stops working after `overlap` seconds, at once by default; an encoder still on it is sent away and told why.
        The broadcast waits for the encoder as after a drop. 404 when nobody has made a live input yet.
        """
        channel = await channels.controlled(call.caller, call.path["channel_id"])
        return Reply(stream_answer(await streams.rotate_key(channel, call.body.overlap)))

    @operation(
        "POST",
        CONFERENCE + "/enable",
        answers={200: StreamAnswer},
        tag=TAG,
        summary="Let encoders publish to the channel's live input",
    )
    async def enable_stream(call: Call[Nothing, Nothing]) -> Reply:
        """For those who may rotate the key. Changes nothing when encoders may publish already.

        404 when the channel has no live input yet.
        """
        return await set_enabled(call, True)

    @operation(
        "POST",
        CONFERENCE + "/disable",
        answers={200: StreamAnswer},
        tag=TAG,
        summary="Let no encoder publish to the channel's live input",
    )
    async def disable_stream(call: Call[Nothing, Nothing]) -> Reply:
        """For those who may rotate the key. A running broadcast ends and becomes a recording; its encoder is told why.

        404 when the channel has no live input yet.
        """
        return await set_enabled(call, False)

    async def set_enabled(call: Call[Nothing, Nothing], enabled: bool) -> Reply:
        channel = await channels.controlled(call.caller, call.path["channel_id"])
        return Reply(stream_answer(await streams.set_enabled(channel, enabled)))

    return [rotate_key, enable_stream, disable_stream]
