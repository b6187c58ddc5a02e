"""Changes of live inputs at the provider, and their events.

The provider and the store have no common transaction. So a change is announced in the store before it is made, and the announcement
is removed in the transaction that writes the event. A process that dies in between leaves the announcement: `report` reads the live
input at the provider and writes the event then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime, timedelta

import structlog

from providers.base import InputOptions, InputUid, LiveInput, OptionRefused
from service.clock import Clock
from service.domain.conversation.ports import ChannelStore
from service.domain.entities import Channel
from service.domain.errors import DomainError
from service.domain.events.ports import Transactions
from service.domain.streams.changes import StreamChanged
from service.domain.streams.ports import ClaimStore, StreamTransaction

log = structlog.get_logger(__name__)

CHANGES_TAKE = timedelta(minutes=1)
"""A change that was announced longer ago is reported: the process that made it has died, or got no answer."""

REPORT_BATCH = 500
"""Announced changes that are reported at one time."""

CHANGEABLE = (*(each.name for each in fields(InputOptions)), "enabled")
"""The attributes of a live input that can change. The stream key is in no event."""


class InputChanges:
    """Announces and records changes. Every method may raise Unavailable."""

    def __init__(
        self,
        transactions: Transactions[StreamTransaction],
        claims: ClaimStore,
        channels: ChannelStore,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._claims = claims
        self._channels = channels
        self._clock = clock

    @asynccontextmanager
    async def announced(self, channel: Channel, uid: InputUid) -> AsyncIterator[None]:
        """Announce the change at the provider in the block."""
        await self._claims.announce_change(channel.id, uid, self._clock.now())
        try:
            yield
        except OptionRefused:
            await self._claims.withdraw_change(channel.id, uid)
            raise

    async def record(self, channel: Channel, live_input: LiveInput, changed: tuple[str, ...]) -> None:
        """Store the options of a live input that has been changed, and write the event of these attributes."""
        async with self._transactions.transaction() as tx:
            await tx.claims.note_options(channel.id, live_input.uid, live_input.options)
            present = await tx.channels.channel(channel.organization_id, channel.id)
            if present is not None:
                tx.record(StreamChanged(present, live_input, changed))

    async def report(
        self, provider: str, announced_before: datetime, read: Callable[[Channel], Awaitable[LiveInput]]
    ) -> int:
        """Write the events of changes that were announced before that time, and return their number.

        `read` returns a channel's live input from the provider.
        """
        reported = 0
        for claim in await self._claims.announced_changes(provider, announced_before, REPORT_BATCH):
            channel = await self._channels.channel(claim.organization_id, claim.channel_id)
            if channel is None:
                continue  # its live input is removed
            try:
                await self.record(channel, await read(channel), CHANGEABLE)
            except DomainError as failure:
                log.warning("change not reported", channel=str(claim.channel_id), reason=type(failure).__name__)
            else:
                reported += 1
        return reported


def different_options(before: InputOptions, after: InputOptions) -> tuple[str, ...]:
    """Return the names of the options that differ."""
    return tuple(each.name for each in fields(InputOptions) if getattr(before, each.name) != getattr(after, each.name))
