"""Live inputs made once, and agreed with Cloudflare about their options: what it drops in silence is found out by its echo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from providers.base import InputGone, InputOptions, InputRequest, OptionRefused, ProviderUnavailable
from providers.cloudflare import mapping
from providers.cloudflare.account import Account
from providers.cloudflare.client import Refused
from providers.cloudflare.config import MAX_BACKOFF
from providers.cloudflare.option_negotiation import Wishes
from providers.concurrency import SingleFlight

CREATE_ROUNDS = 3
"""Times a create whose answer got lost is looked for and sent again."""


class Orders:
    """The makers of live inputs, one at a time for an order. Every method may raise ProviderUnavailable."""

    def __init__(self, account: Account, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._account = account
        self._sleep = sleep
        self._flights: SingleFlight[str, mapping.Shape] = SingleFlight()

    async def ensure(self, request: InputRequest) -> mapping.Shape:
        """The input made for this order, in Cloudflare's words. Errors: InputGone, OptionRefused."""
        return await self._flights.run(request.request_id, lambda: self._find_or_make(request), share=True)

    async def change(self, uid: str, options: InputOptions) -> mapping.Shape:
        """Store the options; what differs from what holds is insisted on. Errors: InputNotFound, OptionRefused."""
        current = await self._account.of_input(uid, "GET")
        held = mapping.options(current)

        async def ask(wanted: InputOptions) -> mapping.Shape:
            return await self._account.of_input(uid, "PUT", body=mapping.update_body(current, wanted))

        try:
            return await _agree(Wishes(options, insisted=options.changed_from(held)), ask)
        except OptionRefused:
            # Half of it may have been taken: put back what was, so that the input says what it does.
            await ask(held)
            raise

    async def _find_or_make(self, request: InputRequest) -> mapping.Shape:
        """Look first: Cloudflare remembers an Idempotency-Key for six hours only, and an answer may have been lost.

        The look costs one request, and creates are rare.
        """
        for round_ in range(1, CREATE_ROUNDS + 1):
            try:
                known = await self._account.find(request.request_id)
                return await (self._make(request) if known is None else self._adopt(known, request))
            except ProviderUnavailable as failure:
                if round_ == CREATE_ROUNDS or failure.retry_after > MAX_BACKOFF:
                    raise
                await self._sleep(0.25 * round_)
        raise AssertionError("the last round returns or raises")

    async def _adopt(self, uid: str, request: InputRequest) -> mapping.Shape:
        """The input that was made for this order; one that was left before its options were settled is settled now."""
        shape = await self._account.of_input(uid, "GET")
        return await self._make(request, shape) if mapping.is_unsettled(shape) else shape

    async def _make(self, request: InputRequest, made: mapping.Shape | None = None) -> mapping.Shape:
        """Make it, or go on with what was `made`, until Cloudflare has taken every option; else leave nothing behind."""

        async def ask(options: InputOptions) -> mapping.Shape:
            nonlocal made
            if made is None:
                made = await self._create(request, options)
            else:
                body = mapping.update_body(made, options)
                made = await self._account.of_input(made["uid"], "PUT", body=body)
            return made

        try:
            return await _agree(Wishes(request.options, request.insisted), ask)
        except OptionRefused:
            if made is not None:
                await self._account.delete(made["uid"])
            raise

    async def _create(self, request: InputRequest, options: InputOptions) -> mapping.Shape:
        try:
            return await self._account.create(
                mapping.create_body(request, options), mapping.create_key(request, options)
            )
        except Refused as refused:
            if refused.status == 409:
                raise InputGone(request.request_id) from None
            raise


async def _agree(wishes: Wishes, ask: Callable[[InputOptions], Awaitable[mapping.Shape]]) -> mapping.Shape:
    """Ask until what came back is what was asked for. Errors: OptionRefused where something insisted on is declined."""
    while True:
        try:
            shape = await ask(wishes.options)
            mapping.read_back(wishes.options, shape)
        except Refused as refused:
            option = mapping.refused_option(refused.message)
            if option is None:
                raise
            wishes.give_way(option)
        except OptionRefused as declined:
            wishes.give_way(declined)
        else:
            return shape
