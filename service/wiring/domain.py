"""Build the domain on its ports, and the dependencies of the HTTP API.

Of the drivers it knows only the type of the store. The API's tests use it with in-memory drivers.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from providers.base import Provider, Spawn
from service import VERSION
from service.api.health import Readiness
from service.api.public_stream import PublicStream
from service.api.public_stream import routes as public_routes
from service.api.realtime.paths import Permissions
from service.api.realtime.sockets import Realtime, RealtimePorts
from service.api.status_flips import StatusFlips
from service.api.stream_events import StreamEvents
from service.attachment_files import ATTACHMENTS, DiskAttachmentFiles
from service.clock import Clock, SystemClock
from service.domain.access.accounts import Accounts
from service.domain.access.client_limits import ClientLimits, LimitedClients
from service.domain.access.connection_access import ConnectionAccess
from service.domain.access.guess_limits import Guesses, GuessLimits
from service.domain.access.visitors import VisitorLimits, Visitors
from service.domain.audience.log import AudienceLog
from service.domain.audience.new_visitors import NewVisitorLimits, NewVisitors
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.conversation.channels import Channels
from service.domain.conversation.joined_channels import DirectChannels, JoinedChannels
from service.domain.conversation.meetings import Meetings, MeetingSigner
from service.domain.conversation.members import Members
from service.domain.conversation.messages import Messages
from service.domain.conversation.purge import Purge
from service.domain.events.ports import EventBus
from service.domain.health.stream_health import StreamDiagnostics
from service.domain.inboxes.delivery import InboxDeliveries
from service.domain.inboxes.ports import AttachmentFiles
from service.domain.outgoing import Outgoing
from service.domain.status.board import StatusBoard
from service.domain.streams.public_info import PublicStreamInfo
from service.domain.streams.public_recordings import PublicRecordings
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recording_retention import KeepLimits, RecordingRetention
from service.domain.streams.recordings import Recordings
from service.domain.streams.sessions import Sessions
from service.domain.streams.streams import Streams
from service.domain.webhooks.deliverer import Deliverer
from service.domain.webhooks.limits import DeliveryLimits
from service.domain.webhooks.webhooks import Webhooks
from service.events.tails import Tails
from service.http.client_address import Networks
from service.outgoing.client import OutgoingClient, OutgoingPolicy
from service.store import Store, with_all_stores
from service.wiring.api import ApiDependencies
from service.wiring.inboxes import InboxPorts, build_inboxes
from service.wiring.log_writers import LogWriters, log_writers
from service.wiring.webhooks import make_deliverer

NEW_VISITOR_BURST_SECONDS = 100
"""Burst of new visitors, in seconds of their rate: 5,000 visitors by default."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The open drivers of the domain. It closes none of them."""

    store: Store
    viewers: ViewerWindow
    provider: Provider
    signer: MeetingSigner
    spawn: Spawn
    bus: EventBus
    clock: Clock = field(default_factory=SystemClock)
    trusted_proxies: Networks = ()
    new_visitors_per_minute: float = 3_000
    """New visitors per address."""
    requests_per_minute: float = math.inf
    """Per client with credentials; also the largest burst."""
    guess_limits: GuessLimits = field(default_factory=GuessLimits)
    outgoing: Outgoing = field(default_factory=lambda: OutgoingClient(OutgoingPolicy()))
    """Calls addresses that clients give."""
    delivery_limits: DeliveryLimits = field(default_factory=DeliveryLimits)
    """Of webhooks."""
    files: AttachmentFiles = field(default_factory=lambda: DiskAttachmentFiles(Path("data", ATTACHMENTS)))
    """Files of the API channel."""
    public_url: str = "http://localhost:8080"
    """Begins addresses in webhooks of the API channel."""
    events_keep_days: int = 7
    """Days for which events stay in the log."""
    recording_limits: KeepLimits = field(default_factory=KeepLimits)


@dataclass(frozen=True, slots=True)
class Conference:
    """The parts that are used outside the API; the rest is in `api`."""

    api: ApiDependencies
    accounts: Accounts
    audience: AudienceLog
    board: StatusBoard
    writers: LogWriters
    recording_retention: RecordingRetention
    public: PublicStream
    events: StreamEvents
    realtime: Realtime
    deliverer: Deliverer
    inbox_deliveries: InboxDeliveries


@asynccontextmanager
async def assembled(ports: Ports) -> AsyncIterator[Conference]:
    """Build the domain; stop what runs in the background at the end. Errors: Unavailable.

    `app.py` starts and stops the rest in order: `writers.start()` and `deliverer.start()` once the provider runs,
    `events.aclose()` and `realtime.aclose()` before HTTP stops.
    """
    store, provider, clock = ports.store, ports.provider, ports.clock
    async with AsyncExitStack() as stack:
        store.on_commit(ports.bus.publish)
        streams = Streams(provider, store.channels, store.claims, store, clock)
        channels = Channels(store.channels, store, clock, store.directory)
        board = StatusBoard(streams, provider, ports.viewers, ports.spawn, clock)
        stack.push_async_callback(board.aclose)
        audience = AudienceLog()
        inbox_ports = InboxPorts(
            store, ports.outgoing, ports.files, ports.public_url, ports.trusted_proxies, ports.spawn, clock
        )
        inboxes, deliveries, room = build_inboxes(inbox_ports)
        stack.push_async_callback(deliveries.aclose)
        keep = timedelta(days=ports.events_keep_days)
        writers = log_writers(store, provider, board, ports.viewers, ports.spawn, clock, audience, keep, stack)
        queries = StreamQueries(provider, store.claims, store.recordings, board)
        recordings = Recordings(provider, queries, store.channels, store.recordings, store, clock)
        kept = RecordingRetention(
            provider, recordings, store.recordings, store.sessions, clock, ports.spawn, ports.recording_limits
        )
        stack.push_async_callback(kept.aclose)
        meetings = Meetings(store.presence, store, store.accounts, ports.signer, clock)
        purge = Purge(store.purge, (streams.sweep, recordings.sweep, meetings.sweep), ports.spawn)
        stack.push_async_callback(purge.aclose)
        public_info = PublicStreamInfo(provider, store.channels, store.claims, queries)
        visitors = await Visitors(
            store.accounts, store.accounts, clock, VisitorLimits(*_new_visitor_bucket(ports))
        ).open()

        channels.read_streams(queries.stream_of)
        channels.on_delete(streams.end)
        channels.on_delete(purge.channel_deleted)
        purge.start()
        deliveries.start()
        channels.listen(board.changed)
        streams.listen(board.changed)
        streams.listen(public_info.changed)
        recordings.listen(public_info.changed)

        deliverer = make_deliverer(store, ports.outgoing, ports.delivery_limits, clock, ports.spawn)
        stack.push_async_callback(deliverer.aclose)
        ports.bus.listen(deliverer.wake)
        accounts = Accounts(store.accounts, store.accounts, clock)
        joined = JoinedChannels(store.members)
        guesses = Guesses(clock, ports.guess_limits)
        public = _public_stream(ports, board, visitors, guesses)
        tails = Tails(store.events, ports.spawn)
        stack.push_async_callback(tails.aclose)
        ports.bus.listen(tails.wake)
        events = StreamEvents(board, public, StatusFlips(tails, board, ports.spawn))
        authenticator = LimitedClients(accounts, _client_limits(ports), clock)
        access = ConnectionAccess(authenticator, accounts, store.accounts, clock)
        members = Members(store.members, store, store.directory, clock)
        messages = Messages(store.messages, store, clock, meetings.note_call, with_all_stores(room.reply))
        realtime = Realtime(
            RealtimePorts(
                feed=tails,
                log=store.events,
                readers=store.members,
                access=access,
                permissions=Permissions(channels, members, messages, joined, meetings),
                guesses=guesses,
                spawn=ports.spawn,
                clock=clock,
                trusted_proxies=ports.trusted_proxies,
            )
        )
        api = ApiDependencies(
            authenticator=authenticator,
            channels=channels,
            streams=streams,
            queries=queries,
            recordings=recordings,
            health=StreamDiagnostics(streams, audience),
            public_info=public_info,
            public_recordings=PublicRecordings(store.accounts, store.channels, queries),
            members=members,
            messages=messages,
            joined=joined,
            directs=DirectChannels(store, joined, store.directory, clock),
            readiness=Readiness({"store": store.check, "viewers": ports.viewers.check, "provider": provider.check}),
            visitors=visitors,
            sessions=Sessions(store.sessions, store, writers.keeper, clock),
            meetings=meetings,
            access=access,
            webhooks=Webhooks(store.webhooks, store.events, ports.outgoing, clock, deliverer.wake_for),
            inboxes=inboxes,
            trusted_proxies=ports.trusted_proxies,
            guesses=guesses,
            version=VERSION,
            public_routes=[*public_routes(public, board), *events.routes(), *realtime.routes()],
        )
        yield Conference(api, accounts, audience, board, writers, kept, public, events, realtime, deliverer, deliveries)


def _public_stream(ports: Ports, board: StatusBoard, visitors: Visitors, guesses: Guesses) -> PublicStream:
    return PublicStream(
        board,
        NewVisitors(NewVisitorLimits(*_new_visitor_bucket(ports))),
        clock=ports.clock,
        visitor_of=visitors.visitor_of,
        trusted_proxies=ports.trusted_proxies,
        guesses=guesses,
    )


def _new_visitor_bucket(ports: Ports) -> tuple[float, float]:
    """Return an address's limit of new visitors, with or without an id of their own: burst, and rate per second."""
    per_second = ports.new_visitors_per_minute / 60
    return per_second * NEW_VISITOR_BURST_SECONDS, per_second


def _client_limits(ports: Ports) -> ClientLimits:
    return ClientLimits(burst=ports.requests_per_minute, per_second=ports.requests_per_minute / 60)
