"""Creation of live inputs, once per request, and their options: the echo shows which options Cloudflare dropped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from providers.base import InputGone, InputOptions, InputRequest, InputUid, OptionRefused, ProviderUnavailable
from providers.cloudflare import mapping
from providers.cloudflare.account import Account
from providers.cloudflare.client import RequestRefused
from providers.cloudflare.config import MAX_BACKOFF
from providers.cloudflare.option_negotiation import RequestedOptions
from providers.concurrency import SingleFlight

CREATE_ROUNDS = 3
"""Times a create whose answer got lost is looked for and sent again."""


class Provisioning:
    """Creates and updates live inputs, one at a time per request id. Every method may raise ProviderUnavailable."""

    def __init__(self, account: Account, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._account = account
        self._sleep = sleep
        self._flights: SingleFlight[str, mapping.Shape] = SingleFlight()

    async def ensure(self, request: InputRequest) -> mapping.Shape:
        """Return Cloudflare's representation of the input for this request. Errors: InputGone, OptionRefused."""
        return await self._flights.run(request.request_id, lambda: self._find_or_make(request), share=True)

    async def change(self, uid: InputUid, options: InputOptions) -> mapping.Shape:
        """Store the options; those that change are required. Errors: InputNotFound, OptionRefused."""
        current = await self._account.of_input(uid, "GET")
        held = mapping.options(current)

        async def ask(wanted: InputOptions) -> mapping.Shape:
            return await self._account.of_input(uid, "PUT", body=mapping.update_body(current, wanted))

        try:
            return await _agree(RequestedOptions(options, insisted=options.changed_from(held)), ask)
        except OptionRefused:
            # Part of it may have been applied: restore the old options, so that the input reports the effective ones.
            await ask(held)
            raise

    async def _find_or_make(self, request: InputRequest) -> mapping.Shape:
        """Search before creating: Cloudflare remembers an Idempotency-Key for only six hours, and an answer may be lost.

        The search costs one request, and creates are rare.
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

    async def _adopt(self, uid: InputUid, request: InputRequest) -> mapping.Shape:
        """Return the input that was created for this request; settle its options now if that was interrupted."""
        shape = await self._account.of_input(uid, "GET")
        return await self._make(request, shape) if mapping.is_unsettled(shape) else shape

    async def _make(self, request: InputRequest, made: mapping.Shape | None = None) -> mapping.Shape:
        """Create it, or continue with `made`, until Cloudflare has accepted every option; on failure, delete it."""

        async def ask(options: InputOptions) -> mapping.Shape:
            nonlocal made
            if made is None:
                made = await self._create(request, options)
            else:
                body = mapping.update_body(made, options)
                made = await self._account.of_input(made["uid"], "PUT", body=body)
            return made

        try:
            return await _agree(RequestedOptions(request.options, request.insisted), ask)
        except OptionRefused:
            if made is not None:
                await self._account.delete(made["uid"])
            raise

    async def _create(self, request: InputRequest, options: InputOptions) -> mapping.Shape:
        try:
            return await self._account.create(
                mapping.create_body(request, options), mapping.create_key(request, options)
            )
        except RequestRefused as refused:
            if refused.status == 409:
                raise InputGone(request.request_id) from None
            raise


async def _agree(requested: RequestedOptions, ask: Callable[[InputOptions], Awaitable[mapping.Shape]]) -> mapping.Shape:
    """Repeat the request until the echo matches the options. Errors: OptionRefused when a required option is declined."""
    while True:
        try:
            shape = await ask(requested.options)
            mapping.read_back(requested.options, shape)
        except RequestRefused as refused:
            option = mapping.refused_option(refused.message)
            if option is None:
                raise
            requested.give_way(option)
        except OptionRefused as declined:
            requested.give_way(declined)
        else:
            return shape
