"""The drivers behind the ports, chosen by the settings: the store, the viewer window and the provider."""

from __future__ import annotations

import asyncio
import secrets
import signal
import ssl
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from providers.base import Provider, Spawn
from providers.cloudflare.config import CloudflareConfig
from providers.local.config import LocalConfig
from providers.local.media_store import MediaStoreConfig
from providers.local.ownership.exchange import Exchange, NoExchange
from providers.local.ownership.keeper import NodeName
from providers.local.provider import LocalProvider
from providers.local.tls import context as tls
from providers.local.transcoder.facts import probe_ffmpeg
from providers.local.transcoder.renditions import parse_renditions
from service.api.changes import describe
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.events.ports import EventBus
from service.events.bus import MemoryBus
from service.events.redis_bus import RedisBus
from service.events.redis_exchange import RedisExchange
from service.outgoing.client import OutgoingClient, OutgoingPolicy
from service.prepare import certificate_files, is_prepared, prepare_elsewhere
from service.redis_child import PrivateRedis, PrivateRedisError
from service.redis_child import installed as redis_is_installed
from service.settings import ProviderName, Settings
from service.store import Store
from service.viewers.memory import MemoryViewers
from service.viewers.redis import RedisViewers

log = structlog.get_logger(__name__)


async def open_store(settings: Settings, stack: AsyncExitStack) -> Store:
    """Open the database after preparing its schema and the certificate. Errors: PreparationFailed, Unavailable."""
    store = Store(settings.database_url, describe)
    stack.push_async_callback(store.aclose)
    if not await is_prepared(settings, store.database):
        await prepare_elsewhere()
    return store


async def open_viewers(settings: Settings, store: Store, spawn: Spawn, stack: AsyncExitStack) -> ViewerWindow:
    """Open the configured Redis, else a private one, else use memory."""
    key = bytes.fromhex(await store.accounts.secret("visitor_digest_key", secrets.token_hex(32)))
    url = settings.redis_url
    if url is None and redis_is_installed():
        private = PrivateRedis(settings.redis_dir, spawn)
        try:
            await private.start()
        except PrivateRedisError as problem:
            log.warning("the private Redis does not start", problem=str(problem))
        else:
            stack.push_async_callback(private.aclose)
            url = private.url
    if url is None:
        log.warning("no Redis: viewers are counted in this process alone and forgotten when it stops")
        memory = MemoryViewers(digest_key=key)
        stack.push_async_callback(memory.aclose)
        return memory
    viewers = RedisViewers(url, spawn=spawn, digest_key=key)
    stack.push_async_callback(viewers.aclose)
    return viewers


def open_bus(settings: Settings, spawn: Spawn, stack: AsyncExitStack) -> EventBus:
    """Return the bus of the configured Redis, which nodes share. Without one, this process is the only node."""
    if settings.redis_url is None:
        return MemoryBus()
    bus = RedisBus(settings.redis_url, spawn=spawn)
    stack.push_async_callback(bus.aclose)
    return bus


def open_outgoing(settings: Settings, stack: AsyncExitStack) -> OutgoingClient:
    """Return the client for addresses that clients give."""
    client = OutgoingClient(OutgoingPolicy(settings.outgoing_networks, settings.outgoing_http))
    stack.push_async_callback(client.aclose)
    return client


async def make_provider(
    settings: Settings, http_port: int, store: Store, spawn: Spawn, stack: AsyncExitStack
) -> Provider:
    """Return the provider, not started. Errors: OSError, CertificateUnusable."""
    if settings.provider is ProviderName.CLOUDFLARE:
        from providers.cloudflare.provider import CloudflareProvider  # the local provider runs without it

        return CloudflareProvider(cloudflare_config(settings), spawn)
    context = await asyncio.to_thread(_tls, settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload_certificate, settings, context)
    config = _local_config(settings, http_port, context)
    if settings.renditions != ("source",):
        config = replace(config, reads_enhanced_rtmp=(await probe_ffmpeg()).reads_enhanced_rtmp)
    exchange, key = _open_exchange(settings, store, spawn, stack), ""
    if exchange is not None:
        key = await store.accounts.secret("node_key", secrets.token_hex(32))
    node = NodeName(settings.node_name, settings.node_url, key)
    return LocalProvider(
        config,
        store.local_inputs,
        spawn,
        recording_rows=store.local_recordings,
        ownership=store.ownership,
        exchange=exchange,
        node=node,
    )


def _open_exchange(settings: Settings, store: Store, spawn: Spawn, stack: AsyncExitStack) -> Exchange | None:
    """Return how this node and others learn each other's states; None on SQLite, which one process uses."""
    if store.database.dialect == "sqlite":
        return None
    if settings.redis_url is None:
        return NoExchange()
    exchange = RedisExchange(settings.redis_url, spawn=spawn)
    stack.push_async_callback(exchange.aclose)
    return exchange


def cloudflare_config(settings: Settings) -> CloudflareConfig:
    """Return the configuration of the Cloudflare provider, whose settings must be there."""
    assert settings.cloudflare_account_id and settings.cloudflare_api_token  # noqa: S101 (the settings require them)
    secret = settings.cloudflare_webhook_secret
    return CloudflareConfig(
        account_id=settings.cloudflare_account_id,
        api_token=settings.cloudflare_api_token.get_secret_value(),
        base_url=settings.cloudflare_base_url,
        customer_url=settings.cloudflare_customer_url,
        live_webhook_secret=secret.get_secret_value() if secret else None,
    )


def _local_config(settings: Settings, http_port: int, context: ssl.SSLContext) -> LocalConfig:
    return LocalConfig(
        directory=settings.data_dir / "recordings",
        public_url=settings.http_url(http_port),
        public_rtmp_host=settings.rtmp_public_host(),
        rtmp_host=settings.rtmp_host,
        rtmp_port=settings.rtmp_port,
        rtmps_port=settings.rtmps_port,
        tls=context,
        certificate=certificate_files(settings).certificate,
        renditions=parse_renditions(",".join(settings.renditions)),
        max_transcodes=settings.max_transcodes,
        media_store=_media_store(settings),
        low_latency_part_seconds=settings.low_latency_part_seconds,
    )


def _media_store(settings: Settings) -> MediaStoreConfig | None:
    if settings.media_store is None:
        return None
    return MediaStoreConfig(settings.media_store, settings.media_cache_gib << 30, settings.media_url)


def _tls(settings: Settings) -> ssl.SSLContext:
    files = certificate_files(settings)
    return tls.server_context(files.certificate, files.key)


def _reload_certificate(settings: Settings, context: ssl.SSLContext) -> None:
    """Reload the certificate (SIGHUP) for new connections. After an error the old one stays in use."""
    try:
        tls.reload(context, certificate_files(settings))
    except (tls.CertificateUnusable, OSError) as problem:
        log.error("certificate not reloaded", problem=str(problem))
    else:
        log.info("certificate reloaded")
