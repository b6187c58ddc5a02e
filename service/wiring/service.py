"""Build the whole service from the settings. Nothing listens yet."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from providers.base import Provider, Spawn
from service import VERSION
from service.attachment_files import ATTACHMENTS, DiskAttachmentFiles
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.streams.recording_retention import KeepLimits
from service.http.origin import Origin
from service.jitsi import meeting_signer
from service.metrics.events import EventMetrics
from service.metrics.inboxes import InboxMetrics
from service.metrics.provider import ProviderMetrics
from service.metrics.runtime import RuntimeMetrics, new_registry
from service.metrics.webhooks import WebhookMetrics
from service.settings import Settings
from service.store import Store
from service.wiring.api import ApiDependencies
from service.wiring.domain import Conference, assembled
from service.wiring.drivers import make_provider, open_bus, open_outgoing, open_store, open_viewers
from service.wiring.ports import Ports


@dataclass(frozen=True, slots=True)
class Built:
    """The conference on its open drivers."""

    provider: Provider
    conference: Conference
    api: ApiDependencies


async def build(settings: Settings, port: int, spawn: Spawn, stack: AsyncExitStack) -> Built:
    """Open the drivers and build the conference on them. The provider is not started.

    Args:
        port: The HTTP port, for the addresses that the provider returns.
        stack: Closes everything that is opened here.

    Raises:
        PreparationFailed: The database or the certificate could not be prepared.
        CertificateUnusable: The operator's certificate cannot be used.
        Unavailable: The database or Redis cannot be reached.
    """
    store = await open_store(settings, stack)
    viewers = await open_viewers(settings, store, spawn, stack)
    provider = await make_provider(settings, port, store, spawn, stack)
    registry = new_registry()
    registry.register(ProviderMetrics(provider))
    ports = await _ports(settings, port, store, viewers, provider, spawn, stack)
    conference = await stack.enter_async_context(assembled(ports))
    registry.register(conference.realtime.metrics)
    registry.register(EventMetrics(store, conference.writers.retention))
    registry.register(WebhookMetrics(conference.deliverer.counts))
    registry.register(InboxMetrics(conference.inbox_deliveries.counts))
    runtime = RuntimeMetrics(VERSION, provider.name, settings.data_dir, conference.api.readiness.by_part)
    registry.register(runtime)
    lag = spawn(runtime.measure_lag(), name="event loop lag")
    stack.callback(lag.cancel)
    api = replace(
        conference.api,
        scraped=runtime.refresh,
        metrics_are_public=settings.metrics_port is None,
        origin=Origin(settings.public_url, settings.trusted_proxies),
        registry=registry,
        public_routes=[*conference.api.public_routes, *provider.routes()],
    )
    return Built(provider, conference, api)


async def _ports(
    settings: Settings,
    port: int,
    store: Store,
    viewers: ViewerWindow,
    provider: Provider,
    spawn: Spawn,
    stack: AsyncExitStack,
) -> Ports:
    """Return the drivers of the domain with the limits that the settings give."""
    keep = KeepLimits(
        timedelta(days=settings.recordings_keep_days) if settings.recordings_keep_days else None,
        settings.recordings_max_gib << 30 or None,
    )
    return Ports(
        store,
        viewers,
        provider,
        await meeting_signer(settings, store.accounts),
        spawn,
        open_bus(settings, spawn, stack),
        trusted_proxies=settings.trusted_proxies,
        new_visitors_per_minute=settings.new_visitors_per_address,
        requests_per_minute=settings.requests_per_caller,
        events_keep_days=settings.events_keep_days,
        recording_limits=keep,
        outgoing=open_outgoing(settings, stack),
        files=DiskAttachmentFiles(settings.data_dir / ATTACHMENTS),
        public_url=settings.http_url(port),
    )
