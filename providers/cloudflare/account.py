"""One Cloudflare account: the calls the provider makes, by name; and what the answers teach on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import aiohttp

from providers.base import InputNotFound, InputUid, ProviderBusy, ProviderUnavailable, RecordingNotFound
from providers.cloudflare import mapping
from providers.cloudflare.budget import Budget, Priority
from providers.cloudflare.client import Client, RequestRefused
from providers.cloudflare.config import CloudflareConfig
from providers.cloudflare.reads import Answer, Reads

CHECK_FRESH = 6.0
"""Seconds a good answer of the API counts as readiness, unless a request has failed since."""

MAX_INPUTS = 5_000
"""Live inputs kept as Cloudflare last described them, about 5 kB each."""

SECRET_AGE = 60.0
"""Minimum seconds between two requests for the webhook's secret."""


class Account:
    """An async context manager: open while the connection pool is. The clocks and `sleep` as in the provider.

    `inputs` keeps every live input that an answer showed; our own writes and the states' reads renew it.
    """

    def __init__(
        self,
        config: CloudflareConfig,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._config = config
        self._clock = clock
        self.inputs: Reads[InputUid, mapping.Shape] = Reads(clock, MAX_INPUTS)
        self._monotonic = monotonic
        self._sleep = sleep
        self._http: aiohttp.ClientSession | None = None
        self._client: Client | None = None
        self._customer_url = config.customer_url and config.customer_url.rstrip("/")
        self._answered_at: float | None = None
        self._failing = False
        self._check_lock = asyncio.Lock()
        self._secret = config.video_webhook_secret
        self._secret_asked: float | None = None

    async def __aenter__(self) -> Account:
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        # aiohttp repeats idempotent requests once by itself: outside the budget, and a repeated DELETE answers 404.
        self._http._retry_connection = False
        self._client = Client(self._config, self._http, Budget(self._monotonic), self._monotonic, self._sleep)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.close()

    @property
    def customer_url(self) -> str:
        """The delivery host, without a slash at the end. Raises ProviderUnavailable until it is known."""
        if self._customer_url is None:
            raise ProviderUnavailable("The delivery host is not known yet. Set the customer URL.")
        return self._customer_url

    async def check(self) -> None:
        """Return when the API answers; one small request, unless it has answered just now. Errors: ProviderUnavailable."""
        async with self._check_lock:
            if not self._failing and self._answered_at is not None:
                if self._monotonic() - self._answered_at < CHECK_FRESH:
                    return
            try:
                await self._probe()
            except ProviderBusy as busy:
                # Our own limit is no outage; Cloudflare's 429 is one.
                if busy.blocked or self._failing:
                    raise

    async def _probe(self) -> None:
        # One that is cancelled for taking too long has failed.
        was_failing, self._failing = self._failing, True
        try:
            if self._customer_url is None:
                await self.learn_customer_url()
            else:
                await self.call("GET", "", params={"limit": "1"}, priority=Priority.POLL, idempotent=False)
        except ProviderBusy:
            self._failing = was_failing
            raise

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """`Client.call`, remembering whether Cloudflare answered and what its answer teaches."""
        if self._client is None:
            raise ProviderUnavailable("the Cloudflare provider is not running")
        try:
            result = await self._client.call(method, path, **options)
        except RequestRefused:
            self._answered()
            raise
        except ProviderBusy:
            raise
        except ProviderUnavailable:
            self._failing = True
            raise
        self._answered()
        if self._customer_url is None:
            sample = result[0] if isinstance(result, list) and result else result
            self._customer_url = mapping.customer_url(sample)
        return result

    def _answered(self) -> None:
        self._answered_at, self._failing = self._monotonic(), False

    async def deliver(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET on the delivery host. Errors: ProviderUnavailable."""
        if self._client is None:
            raise ProviderUnavailable("the Cloudflare provider is not running")
        return await self._client.deliver(self.customer_url + path)

    async def input_shape(self, uid: InputUid, *, polling: bool = False) -> mapping.Shape:
        """Return Cloudflare's representation of a live input, read now. Errors: InputNotFound."""
        return await self.of_input(uid, "GET", priority=Priority.POLL if polling else Priority.READ)

    async def read_input(self, uid: InputUid) -> Answer[mapping.Shape]:
        """Return Cloudflare's representation of a live input, cached or read now. Errors: InputNotFound."""
        require_uid(uid)
        return await self.inputs.get(uid, lambda priority: self.of_input(uid, "GET", priority=priority))

    async def video(
        self, uid: str, *, polling: bool = False, priority: Priority = Priority.READ
    ) -> mapping.Shape | None:
        """Return Cloudflare's representation of a video, or None. `polling` overrides `priority`."""
        if not mapping.is_uid(uid):
            return None
        if polling:
            priority = Priority.POLL
        try:
            shape = await self.call("GET", f"/{uid}", priority=priority)
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            return None
        return shape if isinstance(shape, dict) else None

    async def delete_video(self, uid: str) -> None:
        """Delete a video. Errors: RecordingNotFound."""
        try:
            await self.call("DELETE", f"/{uid}")
        except RequestRefused as refused:
            # On a second attempt the first one, whose answer got lost, has done it.
            if refused.status != 404:
                raise
            if refused.attempt == 1:
                raise RecordingNotFound(uid) from None

    async def webhook_secret(self, *, again: bool = False) -> str | None:
        """Return the secret of the Stream webhook, read from the API if not configured. `again`: it may have changed.

        None when there is none. Asked for at most every SECRET_AGE seconds.
        """
        asked = self._secret_asked is not None and self._monotonic() - self._secret_asked < SECRET_AGE
        if self._config.video_webhook_secret or asked or (self._secret and not again):
            return self._secret
        self._secret_asked = self._monotonic()
        try:
            webhook = await self.call("GET", "/webhook")
        except RequestRefused:
            return None
        secret = webhook.get("secret") if isinstance(webhook, dict) else None
        self._secret = secret if isinstance(secret, str) and secret else None
        return self._secret

    async def learn_customer_url(self) -> None:
        """Learn the delivery host by reading one input: lists do not show it."""
        listed = mapping.listed(await self.call("GET", "/live_inputs"))
        uid = listed[0].get("uid") if listed and self._customer_url is None else None
        if mapping.is_uid(uid):
            await self.of_input(InputUid(str(uid)), "GET")

    async def find(self, request_id: str) -> InputUid | None:
        """Return the uid of the input whose `meta` names this request, or None."""
        listed = mapping.listed(await self.call("GET", "/live_inputs"))
        uids = (each.get("uid") for each in listed if mapping.request_id(each) == request_id)
        return next((InputUid(str(uid)) for uid in uids if mapping.is_uid(uid)), None)

    async def of_input(self, uid: InputUid, method: str, action: str = "", **options: Any) -> mapping.Shape:
        """Send a request on one live input and return its new representation. Errors: InputNotFound."""
        require_uid(uid)
        reads, asked_at = method == "GET", self._clock()
        try:
            shape = _live_input(await self.call(method, f"/live_inputs/{uid}{action}", **options))
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            if not action:  # a router that does not know the action answers alike
                self.inputs.drop(uid)
            raise InputNotFound(uid) from None
        except (ProviderUnavailable, asyncio.CancelledError):
            if not reads:  # it may have been applied anyway
                self.inputs.expire(lambda kept: kept == uid)
            raise
        self.inputs.put(uid, shape, asked_at=asked_at if reads else None)
        return shape

    async def create(self, body: mapping.Shape, key: str) -> mapping.Shape:
        """Create a live input, or return the one already created with this Idempotency-Key."""
        headers = {"Idempotency-Key": key}
        shape = _live_input(await self.call("POST", "/live_inputs", body=body, headers=headers, idempotent=False))
        self.inputs.put(shape["uid"], shape)
        return shape

    async def delete(self, uid: InputUid) -> None:
        """Delete the live input. Errors: InputNotFound."""
        require_uid(uid)
        try:
            await self.call("DELETE", f"/live_inputs/{uid}")
        except RequestRefused as refused:
            # On a second attempt the first one, whose answer got lost, has done it.
            if refused.status != 404:
                raise
            if refused.attempt == 1:
                raise InputNotFound(uid) from None
        finally:
            self.inputs.drop(uid)  # after the request: a read during it may have stored the input again

    async def ready_videos(
        self, input_uid: InputUid, before: datetime | None, priority: Priority = Priority.READ
    ) -> list[mapping.Shape]:
        """Return at most `list_page` ready videos of an input, newest first, none newer than `before`."""
        params = {"live_input_id": input_uid, "status": "ready", "limit": str(self._config.list_page)}
        if before is not None:
            # A microsecond later, so that those of the same moment come whether the bound counts or not.
            params["before"] = f"{before.astimezone(UTC) + timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%fZ}"
        result = await self.call("GET", "", params=params, priority=priority)
        page = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
        return [each for each in page if each.get("liveInput") == input_uid]


def _live_input(answer: object) -> mapping.Shape:
    if not (isinstance(answer, dict) and mapping.is_uid(answer.get("uid"))):
        raise ProviderUnavailable("Cloudflare answered with something that is not a live input")
    return answer


def require_uid(uid: str) -> None:
    """Raise InputNotFound for what cannot be a uid: it must not get into a path."""
    if not mapping.is_uid(uid):
        raise InputNotFound(uid)
