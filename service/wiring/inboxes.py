"""Build the API channel on its ports."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from providers.base import Spawn
from service.api.inboxes import contacts, conversations, files, inboxes, messages, public
from service.api.inboxes.services import AddressLimit, InboxServices
from service.clock import Clock
from service.domain.inboxes.access import InboxAccess
from service.domain.inboxes.announcements import Announcer
from service.domain.inboxes.contacts import Contacts
from service.domain.inboxes.conversations import Conversations
from service.domain.inboxes.delivery import InboxDeliveries
from service.domain.inboxes.inboxes import Inboxes
from service.domain.inboxes.messages import InboxMessages
from service.domain.inboxes.pictures import Pictures
from service.domain.inboxes.ports import AttachmentFiles
from service.domain.inboxes.public import PublicInboxes
from service.domain.inboxes.room import RoomBridge
from service.domain.outgoing import Outgoing
from service.http.client_address import Networks
from service.http.operation import Operation
from service.store import Store


@dataclass(frozen=True, slots=True)
class InboxPorts:
    """The drivers of the API channel. `origin`: scheme and host in webhooks, without a trailing slash."""

    store: Store
    outgoing: Outgoing
    files: AttachmentFiles
    origin: str
    trusted_proxies: Networks
    spawn: Spawn
    clock: Clock


def build_inboxes(ports: InboxPorts) -> tuple[InboxServices, InboxDeliveries, RoomBridge]:
    """Return the services, the background deliveries, which are not started, and the bridge to the rooms of channels."""
    store, clock = ports.store, ports.clock
    announcer = Announcer(ports.origin, clock)
    room = RoomBridge(announcer, ports.origin, clock)
    services = InboxServices(
        access=InboxAccess(store, clock),
        inboxes=Inboxes(store, ports.outgoing, clock),
        contacts=Contacts(store, clock),
        conversations=Conversations(store, announcer, room, clock),
        messages=InboxMessages(store, announcer, room, ports.files, clock),
        public=PublicInboxes(store, announcer, room, ports.files, clock),
        pictures=Pictures(store, ports.files, clock),
        files=ports.files,
        limit=AddressLimit(clock, ports.trusted_proxies),
    )
    deliveries = InboxDeliveries(store, ports.outgoing, ports.spawn, clock)
    store.on_delivery(deliveries.wake)
    return services, deliveries, room


def operations(services: InboxServices) -> list[Operation]:
    """Return all operations of the API channel."""
    return [
        *inboxes.operations(services),
        *contacts.operations(services),
        *conversations.operations(services),
        *messages.operations(services),
        *public.operations(services),
    ]


def routes(services: InboxServices) -> list[web.RouteDef]:
    """Return the routes that are no operations."""
    return files.routes(services.pictures, services.files)
