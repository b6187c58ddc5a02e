"""Build the HTTP application from its dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from service.api import (
    channels,
    conference,
    health,
    index,
    joined,
    meetings,
    members,
    messagerouter,
    messages,
    notifications,
    public_player,
    public_schemas,
    recordings,
    stream_control,
    stream_health,
    stream_sessions,
    studio,
    users,
    visitors,
    watch,
    watch_recording,
    webhook_docs,
    webhooks,
)
from service.api.examples import EXAMPLES
from service.api.health import Readiness, nothing_to_refresh
from service.api.inboxes.examples import INBOX_EXAMPLES
from service.api.inboxes.services import InboxServices
from service.api.introduction import introduction
from service.api.webhook_examples import WEBHOOK_EXAMPLES
from service.clock import Clock, SystemClock
from service.domain.access.accounts import Authenticator
from service.domain.access.connection_access import ConnectionAccess
from service.domain.access.guess_limits import Guesses
from service.domain.access.visitors import Visitors
from service.domain.conversation.channels import Channels
from service.domain.conversation.joined_channels import DirectChannels, JoinedChannels
from service.domain.conversation.meetings import Meetings
from service.domain.conversation.members import Members
from service.domain.conversation.messages import Messages
from service.domain.health.stream_health import StreamDiagnostics
from service.domain.streams.public_info import PublicStreamInfo
from service.domain.streams.public_recordings import PublicRecordings
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recordings import Recordings
from service.domain.streams.sessions import Sessions
from service.domain.streams.streams import Streams
from service.domain.webhooks.webhooks import Webhooks
from service.http import docs, web_files
from service.http.binding import BodyLimits, bind
from service.http.client_address import Networks
from service.http.middleware import RequestMetrics, envelope
from service.http.openapi import document
from service.http.operation import Operation
from service.http.origin import Origin
from service.wiring import inboxes


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """The dependencies of the API.

    `public_routes` are served as they are, without API credentials: `public_stream.routes(…)`, playback, webhooks, pages.
    """

    authenticator: Authenticator
    channels: Channels
    streams: Streams
    queries: StreamQueries
    recordings: Recordings
    health: StreamDiagnostics
    public_info: PublicStreamInfo
    public_recordings: PublicRecordings
    members: Members
    messages: Messages
    joined: JoinedChannels
    directs: DirectChannels
    readiness: Readiness
    visitors: Visitors
    sessions: Sessions
    meetings: Meetings
    access: ConnectionAccess
    webhooks: Webhooks
    inboxes: InboxServices
    trusted_proxies: Networks = ()
    version: str = "0"
    origin: Origin = field(default_factory=Origin)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    scraped: Callable[[], Awaitable[None]] = nothing_to_refresh
    """Awaited before each scrape of the metrics."""
    metrics_are_public: bool = True
    """Whether /metrics is on the HTTP port, and not on a listener of its own."""
    public_routes: Sequence[web.AbstractRouteDef] = ()
    guesses: Guesses | None = None
    body: BodyLimits = field(default_factory=BodyLimits)
    clock: Clock = field(default_factory=SystemClock)


def build_app(deps: ApiDependencies) -> web.Application:
    """Return the application, ready for an `AppRunner`. It opens and closes nothing itself."""
    around = envelope(RequestMetrics(deps.registry), deps.guesses, deps.trusted_proxies)
    app = web.Application(middlewares=[around], client_max_size=deps.body.max_size)
    app.add_routes(deps.public_routes)
    app.add_routes(bind(_operations(deps), deps.authenticator, deps.origin, deps.body, deps.clock))
    app.add_routes(inboxes.routes(deps.inboxes))
    app.add_routes(docs.routes(described(deps)))
    app.add_routes(web_files.routes())
    app.add_routes(index.routes())
    app.add_routes(watch.routes(deps.public_info, deps.origin))
    app.add_routes(watch_recording.routes(deps.public_recordings, deps.origin))
    app.add_routes(studio.routes(deps.public_info))
    if deps.metrics_are_public:
        app.add_routes(health.metrics_routes(deps.registry, deps.scraped))
    return app


def build_metrics_app(deps: ApiDependencies) -> web.Application:
    """Return the application of the metrics' own listener."""
    app = web.Application()
    app.add_routes(health.metrics_routes(deps.registry, deps.scraped))
    return app


def described(deps: ApiDependencies, *, pub_api_only: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document of all operations. `pub_api_only`: without those of other contracts."""
    operations = [*_operations(deps), *public_schemas.operations()]
    if pub_api_only:
        operations = [each for each in operations if each.dialect is None]
    examples = {**EXAMPLES, **WEBHOOK_EXAMPLES, **INBOX_EXAMPLES}
    return document(operations, examples, introduction(deps.version), webhook_docs.webhooks())


def _operations(deps: ApiDependencies) -> list[Operation]:
    return [
        *users.operations(),
        *channels.operations(deps.channels),
        *joined.operations(deps.joined, deps.directs),
        *members.operations(deps.members),
        *notifications.operations(deps.members),
        *messages.operations(deps.messages),
        *conference.operations(deps.channels, deps.streams, deps.queries),
        *recordings.operations(deps.channels, deps.queries, deps.recordings, deps.sessions),
        *stream_control.operations(deps.channels, deps.streams),
        *stream_health.operations(deps.channels, deps.health),
        *stream_sessions.operations(deps.channels, deps.streams, deps.sessions),
        *meetings.operations(deps.channels, deps.meetings),
        *messagerouter.operations(deps.access),
        *webhooks.operations(deps.webhooks),
        *visitors.operations(deps.visitors, deps.trusted_proxies),
        *public_player.operations(deps.public_info),
        *health.operations(deps.readiness),
        *inboxes.operations(deps.inboxes),
    ]
