"""Addresses for commands are those that the service gives."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from service.settings import load
from service.wiring.addresses import stream_addresses

UID = "0" * 32


async def test_addresses_of_the_local_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_PUBLIC_URL", "https://live.example.com")
    monkeypatch.setenv("CONFERENCE_RTMPS_PORT", "19360")
    async with AsyncExitStack() as stack:
        addresses = await stream_addresses(load(), stack)
        assert addresses.rtmps_url == "rtmps://live.example.com:19360/live"
        assert addresses.playback(UID).hls.startswith(f"https://live.example.com/{UID}/")


async def test_addresses_of_cloudflare_need_no_request_with_a_customer_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PROVIDER": "cloudflare",
        "CLOUDFLARE_ACCOUNT_ID": "account",
        "CLOUDFLARE_API_TOKEN": "token",
        "CLOUDFLARE_CUSTOMER_URL": "https://customer-code.cloudflarestream.com",
    }.items():
        monkeypatch.setenv(f"CONFERENCE_{name}", value)
    async with AsyncExitStack() as stack:
        addresses = await stream_addresses(load(), stack)
        assert addresses.playback(UID).hls.startswith(f"https://customer-code.cloudflarestream.com/{UID}/")
