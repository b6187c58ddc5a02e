"""Requests and helpers of the provider's tests against the fake Cloudflare."""

from __future__ import annotations

from collections.abc import Callable

from providers.base import InputOptions, InputRequest, LiveInput
from providers.cloudflare.provider import CloudflareProvider
from tests.contract.fake_cloudflare import FakeCloudflare

REQUEST = InputRequest(
    "a" * 32, "channel 7", "Show", InputOptions(reconnect_timeout=10), frozenset({"reconnect_timeout"})
)
PLAIN_REQUEST = InputRequest("b" * 32, "channel 8", "Show")
"""With our own defaults, none of which was requested."""
API = "/client/v4"
MANY = 10_000
OLD = 120
"""Seconds after which no kept answer is current."""

Make = Callable[..., CloudflareProvider]


async def push(fake: FakeCloudflare, live: LiveInput) -> None:
    await fake.admin(f"/inputs/{live.uid}/connect", stream_key=live.stream_key)
    await fake.advance(fake.config.switches.watchable_delay)


async def inputs(fake: FakeCloudflare) -> list[str]:
    await fake.admin("/faults", "DELETE")
    return [each["uid"] for each in (await fake.api("GET", "/live_inputs")).result]


async def api_requests(fake: FakeCloudflare) -> int:
    lines = (await fake.request("GET", f"{fake.origin}/__admin/requests")).json
    return sum(API in line for line in lines)
