"""Live inputs of channels: create, read, rotate the key, enable, disable, end.

Invariant: a channel has one live input, however many clients request it at the same time, in any number of processes, and whichever
of them dies in between. The claim (`entities.ClaimedInput`) is stored first, the provider is called with the claim's request id,
and its result is stored by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

import structlog

from providers.base import (
    InputGone,
    InputNotFound,
    InputOptions,
    InputRequest,
    InputUid,
    LatencyMode,
    LiveInput,
    Provider,
)
from providers.concurrency import SingleFlight
from providers.health import InputHealth
from service.clock import Clock
from service.domain.conversation.ports import ChannelListener, ChannelStore
from service.domain.entities import Channel, ClaimedInput
from service.domain.errors import DomainError, NotFound, Unavailable, provider_errors
from service.domain.events.ports import Transactions
from service.domain.status.ports import StreamRef
from service.domain.streams.changes import StreamAdded, StreamRemoved
from service.domain.streams.input_changes import CHANGES_TAKE, InputChanges, different_options
from service.domain.streams.place import place
from service.domain.streams.ports import ClaimStore, StreamTransaction

log = structlog.get_logger(__name__)

T = TypeVar("T")

ENSURE_ATTEMPTS = 5
"""How often a claim is started again, while inputs keep disappearing at the provider, before the call fails."""

RECONCILE_BATCH = 500
"""Claims without a result that are handled at one start."""


NO_INPUT = "The channel has no live input. Make one: POST to its conference/create_stream."


class _Unset:
    """The type of UNSET."""


UNSET = _Unset()
"""The option was not sent, and does not change."""


@dataclass(frozen=True, slots=True)
class OptionChanges:
    """The options that a client changes. Those that were not sent do not change."""

    slate_image_url: str | _Unset | None = UNSET
    reconnect_timeout: int | _Unset = UNSET
    latency_mode: LatencyMode | _Unset = UNSET
    defaulted: frozenset[str] = frozenset()
    """The options that were sent as null. If the provider declines the default value, the closest one is used."""

    @property
    def sent(self) -> frozenset[str]:
        """The names of the options that were sent."""
        return frozenset(each.name for each in fields(InputOptions) if getattr(self, each.name) is not UNSET)

    def on(self, options: InputOptions) -> InputOptions:
        """Return `options` with the changes."""
        return replace(options, **{name: getattr(self, name) for name in self.sent})


NO_CHANGES = OptionChanges()


@dataclass(frozen=True, slots=True)
class Ensured:
    """`created`: this call created the live input."""

    input: LiveInput
    created: bool


class Streams:
    """Live inputs of channels. Implements `domain.status.ports.StreamLookup`. Every method may raise Unavailable."""

    def __init__(
        self,
        provider: Provider,
        channels: ChannelStore,
        claims: ClaimStore,
        transactions: Transactions[StreamTransaction],
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._channels = channels
        self._claims = claims
        self._transactions = transactions
        self._changes = InputChanges(transactions, claims, channels, clock)
        self._clock = clock
        self._flights: SingleFlight[UUID, LiveInput | None] = SingleFlight()
        self._listeners: list[ChannelListener] = []

    def listen(self, listener: ChannelListener) -> None:
        """Call `listener` from now on, whenever a channel gets another live input or loses its own."""
        self._listeners.append(listener)

    async def ensure(self, channel: Channel, changes: OptionChanges = NO_CHANGES) -> Ensured:
        """Return the channel's live input, created if it has none or the provider has lost it.

        Concurrent calls without changes share one result. Only the first of them has `created` set.

        Raises:
            Invalid: The provider declines an option.
            NotFound: The channel is deleted.
            Unavailable: The store or the provider does not answer.
        """
        created = False

        async def work() -> LiveInput:
            nonlocal created
            live_input, created = await self._ensure(channel, changes)
            if created:
                self._notify(channel.organization_id, channel.id)
            return live_input

        with provider_errors(channel.organization_id):
            live_input = await self._flights.run(channel.id, work, share=changes == NO_CHANGES)
        if live_input is None:  # the call it shared has deleted the input
            raise NotFound
        return Ensured(live_input, created)

    async def get(self, channel: Channel) -> LiveInput:
        """Return the channel's live input. Raise NotFound if it has none."""
        return await self._of(channel, self._provider.get_input)

    async def rotate_key(self, channel: Channel, overlap: int) -> LiveInput:
        """Replace the stream key. The old one remains valid for `overlap` seconds. Raise NotFound or Invalid."""
        live_input = await self._changed(channel, lambda uid: self._provider.rotate_key(uid, overlap), ())
        log.info("stream key rotated", channel=str(channel.id), overlap=overlap)
        return live_input

    async def set_enabled(self, channel: Channel, enabled: bool) -> LiveInput:
        """Accept encoders, or end the broadcast and refuse them. Raise NotFound if there is no live input."""
        live_input = await self._changed(channel, lambda uid: self._provider.set_enabled(uid, enabled), ("enabled",))
        log.info("live input enabled or disabled", channel=str(channel.id), enabled=enabled)
        return live_input

    async def health(self, channel: Channel) -> tuple[InputUid, InputHealth]:
        """Return the uid of the channel's live input and the health of its incoming stream. Raise NotFound if there is none."""

        async def ask(uid: InputUid) -> tuple[InputUid, InputHealth]:
            return uid, await self._provider.health(uid)

        return await self._of(channel, ask)

    async def _changed(
        self, channel: Channel, ask: Callable[[InputUid], Awaitable[LiveInput]], fields: tuple[str, ...]
    ) -> LiveInput:
        """Change the live input at the provider, and record these fields. Raise NotFound or Invalid."""

        async def work(uid: InputUid) -> LiveInput:
            async with self._changes.announced(channel, uid):
                live_input = await ask(uid)
            await self._changes.record(channel, live_input, fields)
            return live_input

        return await self._of(channel, work)

    async def _of(self, channel: Channel, ask: Callable[[InputUid], Awaitable[T]]) -> T:
        """Call the provider with the uid of the channel's live input. Raise NotFound or Invalid."""
        claim = await self._claims.claimed(channel.id)
        if claim is None or claim.uid is None:
            raise NotFound(NO_INPUT)
        try:
            with provider_errors(channel.organization_id):
                return await ask(claim.uid)
        except InputNotFound:
            await self.input_lost(claim.uid)
            raise NotFound(NO_INPUT) from None

    async def input_lost(self, uid: InputUid) -> None:
        """Remove an input that the provider no longer has. While the store is unavailable, this is left to the next call."""
        try:
            async with self._transactions.transaction() as tx:
                owner = await tx.claims.lose_input(self._provider.name, uid, uuid4().hex, self._clock.now())
                if owner is not None:
                    tx.record(StreamRemoved(await place(tx.channels, *owner), uid))
        except Unavailable:
            return
        if owner is not None:
            log.warning("live input deleted at the provider", channel=str(owner[1]), input=uid)
            self._notify(*owner)

    async def end(self, channel_id: UUID) -> None:
        """Delete the live input of a deleted channel, and keep its recordings.

        Raises:
            Unavailable: The store or the provider does not answer. `end_abandoned` does it later.
        """

        async def work() -> None:
            claim = await self._claims.claimed(channel_id)
            if claim is None:
                return
            uid = claim.uid
            if uid is None and not claim.lost:  # requested, but without a stored result: the provider knows it
                request = InputRequest(claim.request_id, str(channel_id), str(channel_id), claim.options)
                with suppress(InputGone, InputNotFound), provider_errors(claim.organization_id):
                    uid = (await self._provider.ensure_input(request)).uid
            if uid is not None:
                with suppress(InputNotFound), provider_errors(claim.organization_id):
                    await self._provider.delete_input(uid)
            async with self._transactions.transaction() as tx:
                await tx.claims.retire_claim(claim, uid, self._clock.now())
                if uid is not None:
                    tx.record(StreamRemoved(await place(tx.channels, claim.organization_id, channel_id), uid))

        await self._flights.run(channel_id, work, share=False)

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """See `service.domain.status.ports.StreamLookup`."""
        return await self._claims.find_stream(organization_id, channel_id)

    async def reconcile(self) -> int:
        """Complete the claims that a crash left without a result, and return their number. The others are left to the next call."""
        answered = await self.end_abandoned() + await self._report_changes(self._clock.now())
        for claim in await self._claims.pending_claims(self._provider.name, RECONCILE_BATCH):
            channel = await self._channels.channel(claim.organization_id, claim.channel_id)
            if channel is None:
                continue
            try:
                await self.ensure(channel)
            except DomainError as failure:
                log.warning("claim not reconciled", channel=str(claim.channel_id), reason=type(failure).__name__)
            else:
                answered += 1
        return answered

    async def sweep(self) -> int:
        """Do what was left undone: end streams, and record changes."""
        return await self.end_abandoned() + await self._report_changes(self._clock.now() - CHANGES_TAKE)

    async def _report_changes(self, announced_before: datetime) -> int:
        return await self._changes.report(self._provider.name, announced_before, self.get)

    async def end_abandoned(self) -> int:
        """End the streams that could not be ended when their channels were deleted, and return their number.

        Raises:
            Unavailable: The store does not answer.
        """
        ended = 0
        for claim in await self._claims.abandoned_claims(self._provider.name, RECONCILE_BATCH):
            try:
                await self.end(claim.channel_id)
            except DomainError as failure:
                log.warning("stream not ended", channel=str(claim.channel_id), reason=type(failure).__name__)
            else:
                ended += 1
        return ended

    async def _ensure(self, channel: Channel, changes: OptionChanges) -> tuple[LiveInput, bool]:
        claim = await self._claims.claimed(channel.id) or await self._claim(channel)
        if claim.lost:
            claim = await self._begin_again(channel, claim)
        for _ in range(ENSURE_ATTEMPTS):
            try:
                live_input, created = await self._answer(channel, claim, changes)
                return await self._with_options(channel, live_input, changes), created
            except (InputGone, InputNotFound):
                claim = await self._begin_again(channel, claim)
        raise Unavailable("The live input keeps disappearing at the provider.")

    async def _begin_again(self, channel: Channel, claim: ClaimedInput) -> ClaimedInput:
        """Start the claim's next generation after its input was deleted at the provider. Of concurrent calls, one succeeds."""
        async with self._transactions.transaction() as tx:
            renewed = await tx.claims.renew_claim(claim, self._provider.name, uuid4().hex, self._clock.now())
            if renewed and claim.uid is not None:
                tx.record(StreamRemoved(await place(tx.channels, channel.organization_id, channel.id), claim.uid))
        if renewed:
            log.info("live input created again", channel=str(channel.id), generation=claim.generation + 1)
        return await self._present_claim(channel)

    async def _claim(self, channel: Channel) -> ClaimedInput:
        if await self._channels.channel(channel.organization_id, channel.id) is None:
            raise NotFound  # deleted while this call waited
        return await self._claims.claim(self._first_claim(channel))

    async def _answer(self, channel: Channel, claim: ClaimedInput, changes: OptionChanges) -> tuple[LiveInput, bool]:
        """Return the input of a claim and whether this call created it. Raise InputGone or InputNotFound if it was deleted."""
        if claim.uid is not None:
            return await self._provider.get_input(claim.uid), False
        options = changes.on(claim.options)
        request = InputRequest(
            claim.request_id, str(channel.id), channel.name, options, insisted=changes.sent - changes.defaulted
        )
        live_input = await self._provider.ensure_input(request)
        counted = await self._commit(channel, claim, live_input)
        if not counted:
            present = await self._present_claim(channel)
            if present.uid != live_input.uid:
                raise InputGone(claim.request_id)
        return live_input, counted

    async def _commit(self, channel: Channel, claim: ClaimedInput, live_input: LiveInput) -> bool:
        async with self._transactions.transaction() as tx:
            counted = await tx.claims.commit_claim(
                channel.id, claim.request_id, live_input.uid, live_input.options, live_input.created
            )
            present = await tx.channels.channel(channel.organization_id, channel.id) if counted else None
            if present is not None:
                tx.record(StreamAdded(present, live_input))
        return counted

    async def _with_options(self, channel: Channel, live_input: LiveInput, changes: OptionChanges) -> LiveInput:
        wanted = changes.on(live_input.options)
        if wanted == live_input.options:
            return live_input
        before = live_input.options
        async with self._changes.announced(channel, live_input.uid):
            live_input = await self._provider.update_input(live_input.uid, wanted)
        await self._changes.record(channel, live_input, different_options(before, live_input.options))
        return live_input

    def _notify(self, organization_id: UUID, channel_id: UUID) -> None:
        for listener in self._listeners:
            listener(organization_id, channel_id)

    async def _present_claim(self, channel: Channel) -> ClaimedInput:
        claim = await self._claims.claimed(channel.id)
        if claim is None:
            raise NotFound
        return claim

    def _first_claim(self, channel: Channel) -> ClaimedInput:
        """Return a claim with the default options: the provider may decline the client's, which must not be stored then."""
        return ClaimedInput(
            channel_id=channel.id,
            organization_id=channel.organization_id,
            provider=self._provider.name,
            request_id=uuid4().hex,
            generation=1,
            uid=None,
            options=InputOptions(),
            created_at=self._clock.now(),
        )
