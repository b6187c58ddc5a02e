"""The commands for channels: `channel appoint`."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from service.cli.arguments import as_uuid, command
from service.cli.running import begin, with_store
from service.clock import SystemClock

if TYPE_CHECKING:
    from service.store.repository import Store


def channel_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `channel`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    appoint = command(commands, "appoint", _appoint, "make a user an admin of a channel, and a member first if need be")
    appoint.add_argument("--org", type=as_uuid, required=True, metavar="UUID")
    appoint.add_argument("--channel", type=as_uuid, required=True, metavar="UUID")
    appoint.add_argument("--user", type=as_uuid, required=True, metavar="UUID")


def _appoint(given: argparse.Namespace) -> int:
    settings = begin(quiet=True)

    async def appoint(store: Store) -> None:
        from service.domain.conversation.members import Members
        from service.domain.streams.reported_rows import ReportedRows
        from service.store import with_all_stores
        from service.wiring.addresses import stream_addresses

        members = Members(store.members, store, store.directory, SystemClock())
        async with AsyncExitStack() as stack:
            rows = ReportedRows(await stream_addresses(settings, stack))
            await members.appoint(given.org, given.channel, given.user, with_all_stores(rows.row))

    return with_store(settings, appoint)
