"""Live inputs of channels: ensure, read, rotate the key, switch off and on, end.

What must stay true: a channel has one live input, however many callers ask at once, in however many processes, and whatever dies
in between. The claim (`entities.ClaimedInput`) is stored first, the provider is asked by the claim's request id, and its
answer is stored by compare-and-set.
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
    LatencyMode,
    LiveInput,
    Provider,
)
from providers.concurrency import SingleFlight
from providers.health import InputHealth
from service.domain.entities import Channel, ClaimedInput
from service.domain.errors import DomainError, NotFound, Unavailable
from service.domain.ports import ChannelStore, ClaimStore, StreamListener, StreamRef
from service.domain.provider_errors import provider_errors

log = structlog.get_logger(__name__)

T = TypeVar("T")

ENSURE_ATTEMPTS = 5
"""How often a claim is begun anew, when inputs keep vanishing at the provider, before we give up for now."""

RECONCILE_BATCH = 500
"""Unanswered claims taken up at one start."""


NO_INPUT = "The channel has no live input. Make one: POST to its conference/create_stream."


class _Unset:
    """The type of UNSET."""


UNSET = _Unset()
"""This option was not sent: it stays as it is."""


@dataclass(frozen=True, slots=True)
class OptionChanges:
    """What a caller wants changed; what was not sent stays."""

    slate_image_url: str | _Unset | None = UNSET
    reconnect_timeout: int | _Unset = UNSET
    latency_mode: LatencyMode | _Unset = UNSET
    defaulted: frozenset[str] = frozenset()
    """The options that were sent as "the default": where the provider declines that value, the nearest one will do."""

    @property
    def sent(self) -> frozenset[str]:
        """The names of the options that were sent."""
        return frozenset(each.name for each in fields(InputOptions) if getattr(self, each.name) is not UNSET)

    def on(self, options: InputOptions) -> InputOptions:
        """`options` with the changes made."""
        return replace(options, **{name: getattr(self, name) for name in self.sent})


NO_CHANGES = OptionChanges()


@dataclass(frozen=True, slots=True)
class Ensured:
    """`created`: this very call made the live input."""

    input: LiveInput
    created: bool


class Streams:
    """Live inputs of channels. Implements `domain.ports.StreamLookup`. Every method may raise Unavailable."""

    def __init__(
        self,
        provider: Provider,
        channels: ChannelStore,
        claims: ClaimStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._channels = channels
        self._claims = claims
        self._clock = clock
        self._flights: SingleFlight[UUID, LiveInput | None] = SingleFlight()
        self._listeners: list[StreamListener] = []

    def listen(self, listener: StreamListener) -> None:
        """Call `listener` whenever a channel got another live input, or lost the one it had, from now on."""
        self._listeners.append(listener)

    async def ensure(self, channel: Channel, changes: OptionChanges = NO_CHANGES) -> Ensured:
        """The channel's live input, made when it has none or when the provider has lost it. Errors: Invalid, Unavailable.

        Calls without changes that come while one is under way share its answer; only that one says `created`.
        """
        created = False

        async def work() -> LiveInput:
            nonlocal created
            live_input, created = await self._ensure(channel, changes)
            if created:
                self._tell(channel.organization_id, channel.id)
            return live_input

        with provider_errors(channel.organization_id):
            live_input = await self._flights.run(channel.id, work, share=changes == NO_CHANGES)
        if live_input is None:  # what was under way was the end of it
            raise NotFound
        return Ensured(live_input, created)

    async def get(self, channel: Channel) -> LiveInput:
        """The channel's live input. Errors: NotFound when it has none, or none any more."""
        return await self._of(channel, self._provider.get_input)

    async def rotate_key(self, channel: Channel, overlap: int) -> LiveInput:
        """Give it a new stream key; the old one works `overlap` seconds more. Errors: NotFound, Invalid."""
        live_input = await self._of(channel, lambda uid: self._provider.rotate_key(uid, overlap))
        log.info("stream key rotated", channel=str(channel.id), overlap=overlap)
        return live_input

    async def set_enabled(self, channel: Channel, enabled: bool) -> LiveInput:
        """Let encoders publish, or end what runs and let them no more. Errors: NotFound."""
        live_input = await self._of(channel, lambda uid: self._provider.set_enabled(uid, enabled))
        log.info("live input switched", channel=str(channel.id), enabled=enabled)
        return live_input

    async def health(self, channel: Channel) -> tuple[str, InputHealth]:
        """The uid of its live input, and what comes in there. Errors: NotFound."""

        async def ask(uid: str) -> tuple[str, InputHealth]:
            return uid, await self._provider.health(uid)

        return await self._of(channel, ask)

    async def _of(self, channel: Channel, ask: Callable[[str], Awaitable[T]]) -> T:
        """The provider's answer about the channel's live input. Errors: NotFound, Invalid."""
        claim = await self._claims.claimed(channel.id)
        if claim is None or claim.uid is None:
            raise NotFound(NO_INPUT)
        try:
            with provider_errors(channel.organization_id):
                return await ask(claim.uid)
        except InputNotFound:
            await self.input_lost(claim.uid)
            raise NotFound(NO_INPUT) from None

    async def input_lost(self, uid: str) -> None:
        """The provider answered that it has no such input, so it goes from every list. While the store is away: the next time."""
        try:
            owner = await self._claims.lose_input(self._provider.name, uid, uuid4().hex, self._clock())
        except Unavailable:
            return
        if owner is not None:
            log.warning("live input deleted at the provider", channel=str(owner[1]), input=uid)
            self._tell(*owner)

    async def end(self, channel_id: UUID) -> None:
        """Delete the live input of a channel that was deleted; its recordings stay. Errors: Unavailable.

        `end_abandoned` does it then.
        """

        async def work() -> None:
            claim = await self._claims.claimed(channel_id)
            if claim is None:
                return
            uid = claim.uid
            if uid is None and not claim.lost:  # asked for, the answer never stored: the provider knows what came of it
                request = InputRequest(claim.request_id, str(channel_id), str(channel_id), claim.options)
                with suppress(InputGone, InputNotFound), provider_errors(claim.organization_id):
                    uid = (await self._provider.ensure_input(request)).uid
            if uid is not None:
                with suppress(InputNotFound), provider_errors(claim.organization_id):
                    await self._provider.delete_input(uid)
            await self._claims.retire_claim(claim, uid, self._clock())

        await self._flights.run(channel_id, work, share=False)

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """None when there is no such channel in that organization."""
        return await self._claims.find_stream(organization_id, channel_id)

    async def reconcile(self) -> int:
        """Answer the claims a crash left without an answer; how many were. One that fails is left for its next caller."""
        answered = await self.end_abandoned()
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

    async def end_abandoned(self) -> int:
        """End the streams of channels that were deleted when the provider, or we, could not; how many were.

        Errors: Unavailable, when it is the store.
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
        raise Unavailable("The live input keeps vanishing at the provider.")

    async def _begin_again(self, channel: Channel, claim: ClaimedInput) -> ClaimedInput:
        """The input was deleted behind our back: the claim as it is after one client has begun its next generation."""
        if await self._claims.renew_claim(claim, self._provider.name, uuid4().hex, self._clock()):
            log.info("live input is made again", channel=str(channel.id), generation=claim.generation + 1)
        return await self._present_claim(channel)

    async def _claim(self, channel: Channel) -> ClaimedInput:
        if await self._channels.channel(channel.organization_id, channel.id) is None:
            raise NotFound  # deleted while we waited for our turn
        return await self._claims.claim(self._first_claim(channel))

    async def _answer(self, channel: Channel, claim: ClaimedInput, changes: OptionChanges) -> tuple[LiveInput, bool]:
        """The input of this claim and whether this call made it. Errors: InputGone, InputNotFound."""
        if claim.uid is not None:
            return await self._provider.get_input(claim.uid), False
        options = changes.on(claim.options)
        request = InputRequest(
            claim.request_id, str(channel.id), channel.name, options, insisted=changes.sent - changes.defaulted
        )
        live_input = await self._provider.ensure_input(request)
        counted = await self._claims.commit_claim(
            channel.id, claim.request_id, live_input.uid, live_input.options, live_input.created
        )
        if not counted:
            present = await self._present_claim(channel)
            if present.uid != live_input.uid:
                raise InputGone(claim.request_id)
        return live_input, counted

    async def _with_options(self, channel: Channel, live_input: LiveInput, changes: OptionChanges) -> LiveInput:
        wanted = changes.on(live_input.options)
        if wanted == live_input.options:
            return live_input
        live_input = await self._provider.update_input(live_input.uid, wanted)
        await self._claims.note_options(channel.id, live_input.uid, live_input.options)
        return live_input

    def _tell(self, organization_id: UUID, channel_id: UUID) -> None:
        for listener in self._listeners:
            listener(organization_id, channel_id)

    async def _present_claim(self, channel: Channel) -> ClaimedInput:
        claim = await self._claims.claimed(channel.id)
        if claim is None:
            raise NotFound
        return claim

    def _first_claim(self, channel: Channel) -> ClaimedInput:
        """With the default options: what this caller wants the provider may refuse, and that must not stick to the channel."""
        return ClaimedInput(
            channel_id=channel.id,
            organization_id=channel.organization_id,
            provider=self._provider.name,
            request_id=uuid4().hex,
            generation=1,
            uid=None,
            options=InputOptions(),
            created_at=self._clock(),
        )
