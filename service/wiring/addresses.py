"""The addresses of streams without a running service, for commands."""

from __future__ import annotations

from contextlib import AsyncExitStack

from service.concurrency.tasks import Tasks
from service.domain.streams.reported_rows import StreamAddresses
from service.settings import ProviderName, Settings


async def stream_addresses(settings: Settings, stack: AsyncExitStack) -> StreamAddresses:
    """Return the addresses that the service gives; `stack` closes what they need.

    Those of Cloudflare raise ProviderUnavailable if no customer URL is set and Cloudflare does not answer.
    """
    if settings.provider is ProviderName.LOCAL:
        from providers.local.addresses import Addresses

        host = settings.rtmp_public_host()
        return Addresses(settings.http_url(), host, settings.rtmps_port, settings.rtmp_port)
    from providers.cloudflare.provider import CloudflareProvider
    from service.wiring.drivers import cloudflare_config

    tasks = Tasks()
    stack.push_async_callback(tasks.aclose)
    provider = CloudflareProvider(cloudflare_config(settings), tasks.spawn)
    stack.push_async_callback(provider.aclose)
    if settings.cloudflare_customer_url is None:
        await provider.start()  # learns it
    return provider
