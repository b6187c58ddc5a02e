"""The commands for inboxes of the API channel: `inbox create` and `inbox list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from uuid import UUID

from service.cli.arguments import as_name, as_url, as_uuid, command
from service.cli.running import begin, with_store
from service.clock import SystemClock

if TYPE_CHECKING:
    from service.domain.inboxes.access import Desk
    from service.store.repository import Store


def inbox_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `inbox`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = command(
        commands, "create", _create, "create an inbox and print its ids and secrets, one `name value` per line"
    )
    create.add_argument("--org", type=as_uuid, required=True, metavar="UUID")
    create.add_argument("--name", type=as_name, required=True)
    create.add_argument("--webhook-url", type=as_url, metavar="URL", help="receives the events of the inbox")
    create.add_argument("--channel", type=as_uuid, metavar="UUID", help="in whose room its messages appear")
    create.add_argument("--hmac", action="store_true", help="contacts must prove their identity")
    listing = command(
        commands, "list", _list, "print account, inbox, identifier, channel, name and webhook, tab-separated"
    )
    listing.add_argument("--org", type=as_uuid, required=True, metavar="UUID")


def _create(given: argparse.Namespace) -> int:
    settings = begin(quiet=True)

    async def create(store: Store) -> None:
        from service.domain.inboxes.inboxes import Inboxes
        from service.outgoing.client import OutgoingClient, OutgoingPolicy

        desk = await _desk(store, given.org)
        policy = OutgoingPolicy(settings.outgoing_networks, settings.outgoing_http)
        async with OutgoingClient(policy) as outgoing:
            values = {
                "name": given.name,
                "webhook_url": given.webhook_url,
                "channel_id": given.channel,
                "hmac_mandatory": given.hmac,
            }
            inbox = await Inboxes(store, outgoing, SystemClock()).create(desk, values)
        print(f"account {inbox.account_id}")
        print(f"inbox {inbox.id}")
        print(f"identifier {inbox.identifier}")
        print(f"hmac_token {inbox.hmac_token}")
        print(f"secret {inbox.webhook_secret}")

    return with_store(settings, create)


def _list(given: argparse.Namespace) -> int:
    async def show(store: Store) -> None:
        desk = await _desk(store, given.org)
        async with store.reading_inboxes() as records:
            for inbox in await records.inboxes(desk.account_id):
                where = (inbox.account_id, inbox.id, inbox.identifier, inbox.channel_id or "-")
                print(*where, inbox.name, inbox.webhook_url or "-", sep="\t")

    return with_store(begin(quiet=True), show)


async def _desk(store: Store, organization_id: UUID) -> Desk:
    """Return the organization itself as an agent. Raise NotFound if there is no such organization."""
    from service.domain.access.accounts import Identity
    from service.domain.errors import NotFound
    from service.domain.inboxes.access import InboxAccess

    organization = await store.accounts.organization(organization_id)
    if organization is None:
        raise NotFound("There is no such organization. `token create` makes one.")
    return await InboxAccess(store, SystemClock()).own(Identity(organization, None))
