"""The composition root: the only place that knows everybody. Opens in order, closes in reverse, creates nothing at import.

    store ─▶ viewers (Redis) ─▶ provider ─▶ domain ─▶ HTTP ─▶ the provider starts to listen

A stop runs the other way round: readiness says "draining", encoders are sent away (they come back after the restart), then HTTP
finishes what it is answering, then everything else is closed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import secrets
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from providers.base import Provider, Spawn
from providers.cloudflare.config import CloudflareConfig
from providers.local.ingest import tls
from providers.local.provider import LocalConfig, LocalProvider
from providers.local.transcoder.facts import probe_ffmpeg
from providers.local.transcoder.renditions import parse_renditions
from service import VERSION, metrics
from service.api.app import ApiDependencies, build_app
from service.api.express import ExpressLane, ExpressLimits
from service.api.health import Readiness
from service.api.origin import Origin
from service.api.public_stream import PublicStream
from service.api.public_stream import routes as public_routes
from service.api.stream_events import StreamEvents
from service.domain.accounts import Accounts
from service.domain.audience import AudienceLog
from service.domain.catalogue import Catalogue
from service.domain.channels import Channels
from service.domain.joined import DirectChannels, JoinedChannels
from service.domain.meetings import Meetings
from service.domain.members import Members
from service.domain.messages import Messages
from service.domain.newcomers import NewcomerLimits, Newcomers
from service.domain.session_keeper import SessionKeeper
from service.domain.sessions import Sessions
from service.domain.showcase import Showcase
from service.domain.status import StatusBoard
from service.domain.stream_health import HealthDesk
from service.domain.streams import Streams
from service.domain.visitors import VisitorLimits, Visitors
from service.jitsi import meeting_signer
from service.prepare import certificate_files, prepare_elsewhere
from service.redis_child import PrivateRedis, PrivateRedisError
from service.redis_child import installed as redis_is_installed
from service.settings import ProviderName, Settings, url_host
from service.store import Store
from service.tasks import Tasks
from service.viewers.memory import MemoryViewers
from service.viewers.port import ViewerWindow
from service.viewers.redis import RedisViewers

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 0.5
"""Between saying "draining" and closing the first door."""

HTTP_SHUTDOWN_TIMEOUT = 5.0
"""Seconds running requests have to finish."""

NEWCOMER_BURST_SECONDS = 100
"""A full bucket of newcomers is worth this many seconds of its rate: 5,000 at the default."""


@dataclass(frozen=True, slots=True)
class Running:
    """The service while it runs. `http_port` is the one bound."""

    http_port: int
    provider: Provider


async def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT (exit code 0), or until a background task dies (1). Errors: as `running`."""
    loop = asyncio.get_running_loop()
    code: asyncio.Future[int] = loop.create_future()
    starting = asyncio.current_task()

    def end(with_code: int) -> None:
        if not code.done():
            code.set_result(with_code)
            if starting is not None:
                starting.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)
    # With a certificate of our own it will mean "read it again"; it must never mean the end.
    loop.add_signal_handler(signal.SIGHUP, log.info, "nothing to reload")
    try:
        async with running(settings, on_failure=lambda _: end(1)) as service:
            starting = None
            _settle_memory()
            log.info("serving", http=settings.http_url(service.http_port), provider=service.provider.name)
            await code
            log.info("stopping", because="a background task died" if code.result() else "asked to")
    except asyncio.CancelledError:
        if starting is None or not code.done():
            raise
        log.info("stopped while it was starting")
    return code.result()


@asynccontextmanager
async def running(settings: Settings, on_failure: Callable[[BaseException], None]) -> AsyncIterator[Running]:
    """The whole service, ready to answer; stopped in order at the end. Errors: OSError (a port is taken),
    PreparationFailed.

    `on_failure` hears of a background task that died: the service is not to go on then.
    """
    async with AsyncExitStack() as stack:
        tasks = Tasks(on_failure=on_failure)
        stack.push_async_callback(tasks.aclose)
        port = settings.http_port or _free_port(settings.http_host)

        store = await _open_store(settings, stack)
        accounts = Accounts(store.accounts, store.accounts, _now)
        viewers = await _open_viewers(settings, store, tasks.spawn, stack)
        provider, provider_routes = await _make_provider(settings, port, store, tasks.spawn)
        registry = CollectorRegistry()
        if isinstance(provider, LocalProvider):
            registry.register(metrics.IngestFigures(provider))

        streams = Streams(provider, store.channels, store.claims, _now)
        channels = Channels(store.channels, _now, store.directory)
        channels.on_delete(streams.end)
        joined = JoinedChannels(store.members)
        board = StatusBoard(streams, provider, viewers, tasks.spawn, _unix_ms)
        stack.push_async_callback(board.aclose)
        audience = AudienceLog()
        keeper = SessionKeeper(store.sessions, provider, board, viewers, tasks.spawn, _now, audience)
        provider.listen(keeper.happened)
        stack.push_async_callback(keeper.aclose)
        streams.listen(board.changed)
        channels.listen(board.changed)
        visitors = await Visitors(store.accounts, store.accounts, _now, _visitor_limits(settings)).open()
        public = PublicStream(
            board,
            _newcomers(settings),
            clock=_unix_ms,
            visitor_of=visitors.visitor_of,
            trusted_proxies=settings.trusted_proxies,
        )
        events = StreamEvents(board, public)
        catalogue = Catalogue(provider, store.claims, board)
        showcase = Showcase(provider, store.channels, store.claims, catalogue)
        streams.listen(showcase.changed)
        signer = await meeting_signer(settings, store.accounts)
        meetings = Meetings(store.presence, store.accounts, signer, _now)
        readiness = Readiness({"store": store.check, "viewers": viewers.check, "provider": provider.check})
        app = build_app(
            ApiDependencies(
                authenticator=accounts,
                channels=channels,
                streams=streams,
                catalogue=catalogue,
                health=HealthDesk(streams, audience),
                showcase=showcase,
                members=Members(store.members, store.directory, _now),
                messages=Messages(store.messages, _now, meetings.note_call),
                joined=joined,
                directs=DirectChannels(store.directs, joined, store.directory, _now),
                readiness=readiness,
                visitors=visitors,
                sessions=Sessions(store.sessions, keeper, _now),
                meetings=meetings,
                trusted_proxies=settings.trusted_proxies,
                version=VERSION,
                origin=Origin(settings.public_url, trust_proxy=bool(settings.trusted_proxies)),
                registry=registry,
                public_routes=[*public_routes(public, board), *events.routes(), *provider_routes],
            )
        )
        await _open_http(settings, port, app, public, registry, tasks.spawn, stack)
        stack.push_async_callback(provider.aclose)
        stack.push_async_callback(events.aclose)
        await provider.start()
        keeper.start()
        if reconciled := await streams.reconcile():
            log.info("claims reconciled", count=reconciled)
        try:
            yield Running(port, provider)
        finally:
            readiness.draining = True
            await asyncio.sleep(DRAIN_SECONDS)


def _settle_memory() -> None:
    """What start-up made stays for good: the collector need not look at it again, and what it left over goes back.

    Measured: 11 MiB less for the life of the process.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # glibc's own
        ctypes.CDLL(None).malloc_trim(0)


async def _open_store(settings: Settings, stack: AsyncExitStack) -> Store:
    await prepare_elsewhere()
    store = Store(settings.database_url)
    stack.push_async_callback(store.aclose)
    return store


async def _open_viewers(settings: Settings, store: Store, spawn: Spawn, stack: AsyncExitStack) -> ViewerWindow:
    """The Redis that was set, else a private one, else memory."""
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


async def _make_provider(
    settings: Settings, http_port: int, store: Store, spawn: Spawn
) -> tuple[Provider, Sequence[web.AbstractRouteDef]]:
    if settings.provider is ProviderName.CLOUDFLARE:
        from providers.cloudflare import webhooks  # a server of its own streams need not load it
        from providers.cloudflare.provider import CloudflareProvider

        cloudflare = CloudflareProvider(_cloudflare_config(settings), spawn)
        return cloudflare, webhooks.routes(cloudflare)
    context = await asyncio.to_thread(_tls, settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload_certificate, settings, context)
    config = _local_config(settings, http_port, context)
    if settings.renditions != ("source",):
        config = replace(config, reads_enhanced_rtmp=(await probe_ffmpeg()).reads_enhanced_rtmp)
    local = LocalProvider(config, store.local_inputs, spawn)
    return local, local.routes()


def _cloudflare_config(settings: Settings) -> CloudflareConfig:
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
        renditions=parse_renditions(",".join(settings.renditions)),
        max_transcodes=settings.max_transcodes,
    )


def _tls(settings: Settings) -> ssl.SSLContext:
    files = certificate_files(settings)
    return tls.server_context(files.certificate, files.key)


def _reload_certificate(settings: Settings, context: ssl.SSLContext) -> None:
    """SIGHUP: a renewed certificate counts from the next encoder on; after an error the old one stays."""
    try:
        tls.reload(context, certificate_files(settings))
    except (tls.CertificateUnusable, OSError) as problem:
        log.error("certificate not reloaded", problem=str(problem))
    else:
        log.info("certificate reloaded")


async def _open_http(
    settings: Settings,
    port: int,
    app: web.Application,
    public: PublicStream,
    registry: CollectorRegistry,
    spawn: Spawn,
    stack: AsyncExitStack,
) -> None:
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=HTTP_SHUTDOWN_TIMEOUT, keepalive_timeout=ExpressLimits().idle_timeout
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    assert runner.server is not None  # noqa: S101 (after setup)
    lane = ExpressLane(runner.server, public.answer, spawn=spawn, on_reply=metrics.polls(registry))
    stack.push_async_callback(lane.aclose)
    await lane.listen(settings.http_host, port)


def _visitor_limits(settings: Settings) -> VisitorLimits:
    per_second = settings.new_visitors_per_address / 60
    return VisitorLimits(burst=per_second * NEWCOMER_BURST_SECONDS, per_second=per_second)


def _newcomers(settings: Settings) -> Newcomers:
    per_second = settings.new_visitors_per_address / 60
    return Newcomers(NewcomerLimits(burst=per_second * NEWCOMER_BURST_SECONDS, per_second=per_second))


def _free_port(host: str) -> int:
    """What port 0 stands for: addresses are told before the socket is bound."""
    address = url_host(host).strip("[]")
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        return int(probe.getsockname()[1])


def _now() -> datetime:
    return datetime.now(UTC)


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
