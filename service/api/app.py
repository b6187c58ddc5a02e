"""The HTTP application, put together from what it is handed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry

from service.api import (
    channels,
    conference,
    docs,
    health,
    joined,
    members,
    messages,
    notifications,
    public_schemas,
    users,
)
from service.api.binding import MAX_BODY, bind
from service.api.health import Readiness
from service.api.middleware import Figures, envelope
from service.api.openapi import document
from service.api.origin import Origin
from service.domain.accounts import Authenticator
from service.domain.catalogue import Catalogue
from service.domain.channels import Channels
from service.domain.joined import DirectChannels, JoinedChannels
from service.domain.members import Members
from service.domain.messages import Messages
from service.domain.streams import Streams

TITLE = "Live-stream conference"


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """Everything the API stands on.

    `public_routes` are served as they are, without our credentials: `public_stream.routes(…)`, playback, webhooks, pages.
    """

    authenticator: Authenticator
    channels: Channels
    streams: Streams
    catalogue: Catalogue
    members: Members
    messages: Messages
    joined: JoinedChannels
    directs: DirectChannels
    readiness: Readiness
    version: str = "0"
    origin: Origin = field(default_factory=Origin)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    public_routes: Sequence[web.AbstractRouteDef] = ()


def build_app(deps: ApiDependencies) -> web.Application:
    """The application, ready for an `AppRunner`. It opens and closes nothing itself."""
    operations = [
        *users.operations(),
        *channels.operations(deps.channels),
        *joined.operations(deps.joined, deps.directs),
        *members.operations(deps.members),
        *notifications.operations(deps.members),
        *messages.operations(deps.messages),
        *conference.operations(deps.channels, deps.streams, deps.catalogue),
        *health.operations(deps.readiness),
    ]
    described = document([*operations, *public_schemas.operations()], title=TITLE, version=deps.version)
    app = web.Application(middlewares=[envelope(Figures(deps.registry))], client_max_size=MAX_BODY)
    app.add_routes(deps.public_routes)
    app.add_routes(bind(operations, deps.authenticator, deps.origin))
    app.add_routes(docs.routes(described))
    app.add_routes([health.metrics_route(deps.registry)])
    return app
