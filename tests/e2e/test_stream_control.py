"""A streamer whose key is changed or whose input is switched off reads why, in a real encoder's log."""

from __future__ import annotations

import pytest

from tests.e2e.service import Service

pytestmark = pytest.mark.e2e


async def test_a_rotated_key_disconnects_the_old_encoder_after_the_overlap_and_the_broadcast_goes_on(
    live: Service,
) -> None:
    channel, old = await live.channel(reconnect_timeout=60)
    path = f"channels/{channel}/conference"
    first = await live.push(old, plain=True)
    await live.until(channel, state="live")

    new = await live.api("POST", f"{path}/rotate_key", {"overlap": 4})
    assert (await live.status(channel))["is_connected"]
    assert "stream key of this channel has changed" in await first.output()
    await live.until(channel, state="reconnecting", is_watchable=True)
    refused = await live.push(old, plain=True)
    assert "stream key of this channel has changed" in await refused.output()
    await live.push(new, plain=True)
    await live.until(channel, state="live", is_connected=True)


async def test_a_disabled_input_ends_the_broadcast_and_refuses_every_encoder(live: Service) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    path = f"channels/{channel}/conference"
    first = await live.push(stream, plain=True)
    await live.until(channel, state="live")

    await live.api("POST", f"{path}/disable")
    assert "disabled" in await first.output()
    await live.until(channel, state="ended")
    assert len(await live.recordings(channel)) == 1
    again = await live.push(stream, plain=True)
    assert "disabled" in await again.output()
    await live.api("POST", f"{path}/enable")
    await live.push(stream, plain=True)
    await live.until(channel, state="live")
