"""Build the domain on its ports, and the dependencies of the HTTP API.

Of the drivers it knows only the type of the store. The API's tests use it with in-memory drivers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from service import VERSION
from service.api.health import Readiness
from service.api.inboxes.services import InboxServices
from service.api.public_stream import PublicStream
from service.api.public_stream import routes as public_routes
from service.api.realtime.paths import Permissions
from service.api.realtime.sockets import Realtime, RealtimePorts
from service.api.status_flips import StatusFlips
from service.api.stream_events import StreamEvents
from service.domain.access.accounts import Accounts
from service.domain.access.client_limits import ClientLimits, LimitedClients
from service.domain.access.connection_access import ConnectionAccess
from service.domain.access.guess_limits import Guesses
from service.domain.access.visitors import VisitorLimits, Visitors
from service.domain.audience.log import AudienceLog
from service.domain.audience.new_visitors import NewVisitorLimits, NewVisitors
from service.domain.conversation.channels import Channels
from service.domain.conversation.joined_channels import DirectChannels, JoinedChannels
from service.domain.conversation.meetings import Meetings
from service.domain.conversation.members import Members
from service.domain.conversation.messages import Messages
from service.domain.conversation.purge import Purge
from service.domain.health.stream_health import StreamDiagnostics
from service.domain.inboxes.delivery import InboxDeliveries
from service.domain.inboxes.room import RoomBridge
from service.domain.status.board import StatusBoard
from service.domain.streams.public_info import PublicStreamInfo
from service.domain.streams.public_recordings import PublicRecordings
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recording_retention import RecordingRetention
from service.domain.streams.recordings import Recordings
from service.domain.streams.sessions import Sessions
from service.domain.streams.streams import Streams
from service.domain.webhooks.deliverer import Deliverer
from service.domain.webhooks.webhooks import Webhooks
from service.events.tails import Tails
from service.store import with_all_stores
from service.wiring.api import ApiDependencies
from service.wiring.inboxes import InboxPorts, build_inboxes
from service.wiring.log_writers import LogWriters, log_writers
from service.wiring.ports import Ports
from service.wiring.webhooks import make_deliverer

NEW_VISITOR_BURST_SECONDS = 100
"""Burst of new visitors, in seconds of their rate: 5,000 visitors by default."""


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


@dataclass(frozen=True, slots=True)
class _StreamParts:
    """The parts that follow the live inputs and their recordings."""

    board: StatusBoard
    streams: Streams
    queries: StreamQueries
    recordings: Recordings
    recording_retention: RecordingRetention
    public_info: PublicStreamInfo
    audience: AudienceLog
    writers: LogWriters


@dataclass(frozen=True, slots=True)
class _People:
    """The parts that decide who may do what, and what people say to each other."""

    accounts: Accounts
    authenticator: LimitedClients
    access: ConnectionAccess
    joined: JoinedChannels
    members: Members
    messages: Messages
    meetings: Meetings


@asynccontextmanager
async def assembled(ports: Ports) -> AsyncIterator[Conference]:
    """Build the domain; stop what runs in the background at the end. Errors: Unavailable.

    `app.py` starts and stops the rest in order: `writers.start()` and `deliverer.start()` once the provider runs,
    `events.aclose()` and `realtime.aclose()` before HTTP stops.
    """
    store, clock = ports.store, ports.clock
    async with AsyncExitStack() as stack:
        store.on_commit(ports.bus.publish)
        channels = Channels(store.channels, store, clock, store.directory)
        inboxes, deliveries, room = build_inboxes(_inbox_ports(ports))
        stack.push_async_callback(deliveries.aclose)
        people = _people(ports, room)
        parts = _stream_parts(ports, channels, people.meetings, stack)
        deliveries.start()
        deliverer = make_deliverer(store, ports.outgoing, ports.delivery_limits, clock, ports.spawn)
        stack.push_async_callback(deliverer.aclose)
        ports.bus.listen(deliverer.wake)
        tails = Tails(store.events, ports.spawn)
        stack.push_async_callback(tails.aclose)
        ports.bus.listen(tails.wake)
        visitors = await _visitors(ports).open()
        guesses = Guesses(clock, ports.guess_limits)
        public = _public_stream(ports, parts.board, visitors, guesses)
        events = StreamEvents(parts.board, public, StatusFlips(tails, parts.board, ports.spawn))
        realtime = _realtime(ports, channels, people, tails, guesses)
        webhooks = Webhooks(store.webhooks, store.events, ports.outgoing, clock, deliverer.wake_for)
        api = replace(
            _api(ports, channels, parts, people, inboxes, visitors, webhooks),
            guesses=guesses,
            public_routes=[*public_routes(public, parts.board), *events.routes(), *realtime.routes()],
        )
        yield Conference(
            api,
            people.accounts,
            parts.audience,
            parts.board,
            parts.writers,
            parts.recording_retention,
            public,
            events,
            realtime,
            deliverer,
            deliveries,
        )


def _stream_parts(ports: Ports, channels: Channels, meetings: Meetings, stack: AsyncExitStack) -> _StreamParts:
    """Build the parts, and connect them with each other. `stack` stops them."""
    store, provider, clock = ports.store, ports.provider, ports.clock
    streams = Streams(provider, store.channels, store.claims, store, clock)
    board = StatusBoard(streams, provider, ports.viewers, ports.spawn, clock)
    stack.push_async_callback(board.aclose)
    audience = AudienceLog()
    keep = timedelta(days=ports.events_keep_days)
    writers = log_writers(store, provider, board, ports.viewers, ports.spawn, clock, audience, keep, stack)
    queries = StreamQueries(provider, store.claims, store.recordings, board)
    recordings = Recordings(provider, queries, store.channels, store.recordings, store, clock)
    kept = RecordingRetention(
        provider, recordings, store.recordings, store.sessions, clock, ports.spawn, ports.recording_limits
    )
    stack.push_async_callback(kept.aclose)
    purge = Purge(store.purge, (streams.sweep, recordings.sweep, meetings.sweep), ports.spawn)
    stack.push_async_callback(purge.aclose)
    public_info = PublicStreamInfo(provider, store.channels, store.claims, queries)

    channels.read_streams(queries.stream_of)
    channels.on_delete(streams.end)
    channels.on_delete(purge.channel_deleted)
    channels.listen(board.changed)
    streams.listen(board.changed)
    streams.listen(public_info.changed)
    recordings.listen(public_info.changed)
    purge.start()
    return _StreamParts(board, streams, queries, recordings, kept, public_info, audience, writers)


def _inbox_ports(ports: Ports) -> InboxPorts:
    return InboxPorts(
        ports.store, ports.outgoing, ports.files, ports.public_url, ports.trusted_proxies, ports.spawn, ports.clock
    )


def _people(ports: Ports, room: RoomBridge) -> _People:
    store, clock = ports.store, ports.clock
    accounts = Accounts(store.accounts, store.accounts, clock)
    authenticator = LimitedClients(accounts, _client_limits(ports), clock)
    meetings = Meetings(store.presence, store, store.accounts, ports.signer, clock)
    return _People(
        accounts=accounts,
        authenticator=authenticator,
        access=ConnectionAccess(authenticator, accounts, store.accounts, clock),
        joined=JoinedChannels(store.members),
        members=Members(store.members, store, store.directory, clock),
        messages=Messages(store.messages, store, clock, meetings.note_call, with_all_stores(room.reply)),
        meetings=meetings,
    )


def _realtime(ports: Ports, channels: Channels, people: _People, tails: Tails, guesses: Guesses) -> Realtime:
    store = ports.store
    return Realtime(
        RealtimePorts(
            feed=tails,
            log=store.events,
            readers=store.members,
            access=people.access,
            permissions=Permissions(channels, people.members, people.messages, people.joined, people.meetings),
            guesses=guesses,
            spawn=ports.spawn,
            clock=ports.clock,
            trusted_proxies=ports.trusted_proxies,
        )
    )


def _api(
    ports: Ports,
    channels: Channels,
    parts: _StreamParts,
    people: _People,
    inboxes: InboxServices,
    visitors: Visitors,
    webhooks: Webhooks,
) -> ApiDependencies:
    """Return what the resources of the API call."""
    store, provider = ports.store, ports.provider
    return ApiDependencies(
        authenticator=people.authenticator,
        channels=channels,
        streams=parts.streams,
        queries=parts.queries,
        recordings=parts.recordings,
        health=StreamDiagnostics(parts.streams, parts.audience),
        public_info=parts.public_info,
        public_recordings=PublicRecordings(store.accounts, store.channels, parts.queries),
        members=people.members,
        messages=people.messages,
        joined=people.joined,
        directs=DirectChannels(store, people.joined, store.directory, ports.clock),
        readiness=Readiness({"store": store.check, "viewers": ports.viewers.check, "provider": provider.check}),
        visitors=visitors,
        sessions=Sessions(store.sessions, store, parts.writers.keeper, ports.clock),
        meetings=people.meetings,
        access=people.access,
        webhooks=webhooks,
        inboxes=inboxes,
        trusted_proxies=ports.trusted_proxies,
        version=VERSION,
        clock=ports.clock,
    )


def _public_stream(ports: Ports, board: StatusBoard, visitors: Visitors, guesses: Guesses) -> PublicStream:
    return PublicStream(
        board,
        NewVisitors(NewVisitorLimits(*_new_visitor_bucket(ports))),
        clock=ports.clock,
        visitor_of=visitors.visitor_of,
        trusted_proxies=ports.trusted_proxies,
        guesses=guesses,
    )


def _visitors(ports: Ports) -> Visitors:
    accounts = ports.store.accounts
    return Visitors(accounts, accounts, ports.clock, VisitorLimits(*_new_visitor_bucket(ports)))


def _new_visitor_bucket(ports: Ports) -> tuple[float, float]:
    """Return an address's limit of new visitors, with or without an id of their own: burst, and rate per second."""
    per_second = ports.new_visitors_per_minute / 60
    return per_second * NEW_VISITOR_BURST_SECONDS, per_second


def _client_limits(ports: Ports) -> ClientLimits:
    return ClientLimits(burst=ports.requests_per_minute, per_second=ports.requests_per_minute / 60)
