"""Cloudflare Stream as a provider (contract: Cloudflare Stream Live).

Inputs and recordings go through the API; the state of an input comes from the delivery host's /lifecycle, which is not counted,
and asks the API only after a wake-up, a visible change, or when what it said is old (`states.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import aiohttp
import structlog

from providers.base import (
    MAX_PAGE,
    EventListener,
    InputGone,
    InputNotFound,
    InputOptions,
    InputRequest,
    InputState,
    LiveInput,
    OptionRefused,
    Playback,
    ProviderError,
    ProviderUnavailable,
    Recording,
    RecordingNotFound,
    RecordingPosition,
    Spawn,
)
from providers.cloudflare import mapping
from providers.cloudflare.budget import Budget
from providers.cloudflare.client import Client, Refused
from providers.cloudflare.config import MAX_BACKOFF, RTMPS_URL, STOP_TIMEOUT, CloudflareConfig
from providers.cloudflare.states import States

log = structlog.get_logger(__name__)

CREATE_ROUNDS = 3
"""Times a create whose answer got lost is looked for and sent again."""

CHECK_FRESH = 30.0
"""Seconds a good answer of the API counts as readiness."""

LIST_PAGE = 100
"""Videos asked for at once."""

MAX_LIST_PAGES = 20
"""Pages walked for one call."""

SECRET_AGE = 60.0
"""Seconds between two times the webhook's secret is asked for."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, weakref_slot=True)
class _Order:
    """A create that is under way; those who want the same wait for it and share what it made."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    made: LiveInput | None = None


class CloudflareProvider:
    """Implements `providers.base.Provider`. `clock` is the time of day, `monotonic` counts the budget, `sleep` waits."""

    name = "cloudflare"

    def __init__(
        self,
        config: CloudflareConfig,
        spawn: Spawn,
        *,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.config = config
        self.clock = clock
        self._spawn = spawn
        self._monotonic = monotonic
        self._sleep = sleep
        self._open = AsyncExitStack()
        self._client: Client | None = None
        self._customer_url = config.customer_url and config.customer_url.rstrip("/")
        self._rtmps_url = RTMPS_URL
        self._orders: WeakValueDictionary[str, _Order] = WeakValueDictionary()
        self._answered_at: float | None = None
        self._video_secret = config.video_webhook_secret
        self._secret_asked: float | None = None
        self.states = States(self, clock)

    @property
    def rtmps_url(self) -> str:
        return self._rtmps_url

    async def start(self) -> None:
        http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        await self._open.enter_async_context(http)
        self._client = Client(self.config, http, Budget(self._monotonic), self._sleep)
        follower = self._spawn(self.states.follow(), name="cloudflare-follow")
        self._open.push_async_callback(_cancel, follower)
        try:
            await self._learn_customer_url()
        except ProviderError as failure:
            # Cloudflare being away is no reason not to start: readiness tells, and the first answer teaches.
            log.warning("cloudflare is away at the start", reason=str(failure))

    async def aclose(self) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._open.aclose()
        except TimeoutError:
            log.error("cloudflare did not close in time")

    async def check(self) -> None:
        if self._answered_at is not None and self._monotonic() - self._answered_at < CHECK_FRESH:
            return
        if self._customer_url is None:
            await self._learn_customer_url()
        else:
            await self.call("GET", "", params={"limit": "1"})

    def listen(self, listener: EventListener) -> None:
        self.states.listeners.append(listener)

    def playback(self, uid: str) -> Playback:
        return mapping.playback(uid, self.customer_url)

    @property
    def customer_url(self) -> str:
        """The delivery host, without a slash at the end. Raises ProviderUnavailable until it is known."""
        if self._customer_url is None:
            raise ProviderUnavailable("Cloudflare has not told its delivery host yet; set the customer URL")
        return self._customer_url

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        mapping.judge(request.options)
        order = self._orders.setdefault(request.request_id, _Order())
        async with order.lock:
            if order.made is None:
                order.made = await self._find_or_make(request)
            return order.made

    async def get_input(self, uid: str) -> LiveInput:
        return self._input(await self._of_input(uid, "GET"))

    async def update_input(self, uid: str, options: InputOptions) -> LiveInput:
        mapping.judge(options)
        current = await self._of_input(uid, "GET")
        changed = await self._of_input(uid, "PUT", body=mapping.update_body(current, options))
        mapping.read_back(options, changed)
        return self._input(changed)

    async def set_enabled(self, uid: str, enabled: bool) -> LiveInput:
        try:
            shape = await self._of_input(uid, "POST", "/enable" if enabled else "/disable")
        except (InputNotFound, Refused):
            # In no SDK: where the router does not know it, the documented way says whether the input is there.
            shape = await self._of_input(uid, "PUT", body={"enabled": enabled})
        self.states.wake(uid)
        return self._input(shape)

    async def rotate_key(self, uid: str) -> LiveInput:
        shape = await self._of_input(uid, "POST", "/rotate_keys", idempotent=False)
        self.states.wake(uid)
        return self._input(shape)

    async def delete_input(self, uid: str) -> None:
        _require_uid(uid)
        try:
            await self.call("DELETE", f"/live_inputs/{uid}")
        except Refused as refused:
            # On a second attempt the first one, whose answer got lost, has done it.
            if refused.status != 404:
                raise
            if refused.attempt == 1:
                raise InputNotFound(uid) from None
        self.states.ended(uid)

    async def state(self, uid: str) -> InputState:
        _require_uid(uid)
        return await self.states.state(uid)

    async def recordings(
        self, input_uid: str, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> list[Recording]:
        if not mapping.is_uid(input_uid):
            return []
        limit = max(1, min(limit, MAX_PAGE))
        found: dict[str, Recording] = {}
        before = after.created if after is not None else None
        for _ in range(MAX_LIST_PAGES):
            page = await self._videos(input_uid, before)
            found |= {each.uid: each for each in self._recordings(page) if _follows(each, after)}
            oldest = mapping.moment(page[-1].get("created")) if page else None
            if len(found) >= limit or len(page) < LIST_PAGE or oldest is None or oldest == before:
                break
            before = oldest
        newest_first = sorted(found.values(), key=lambda each: (each.created, each.uid), reverse=True)
        return newest_first[:limit]

    async def recording(self, uid: str) -> Recording:
        shape = await self.video(uid)
        recording = None if shape is None else mapping.recording(shape, self.customer_url)
        if recording is None:
            raise RecordingNotFound(uid)
        return recording

    # For states.py and webhooks.py.

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """`Client.call`, remembering that Cloudflare answered and what its answer teaches."""
        if self._client is None:
            raise ProviderUnavailable("the Cloudflare provider is not started")
        try:
            result = await self._client.call(method, path, **options)
        except Refused:
            self._answered_at = self._monotonic()
            raise
        self._answered_at = self._monotonic()
        if self._customer_url is None:
            sample = result[0] if isinstance(result, list) and result else result
            self._customer_url = mapping.customer_url(sample)
        return result

    async def deliver(self, path: str) -> tuple[int, Any]:
        """A GET on the delivery host."""
        if self._client is None:
            raise ProviderUnavailable("the Cloudflare provider is not started")
        return await self._client.deliver(self.customer_url + path)

    async def input_shape(self, uid: str, *, polling: bool = False) -> mapping.Shape:
        """A live input in Cloudflare's words. Errors: InputNotFound."""
        return await self._of_input(uid, "GET", polling=polling)

    async def video(self, uid: str, *, polling: bool = False) -> mapping.Shape | None:
        """A video in Cloudflare's words, None when there is none."""
        if not mapping.is_uid(uid):
            return None
        try:
            shape = await self.call("GET", f"/{uid}", polling=polling)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None
        return shape if isinstance(shape, dict) else None

    async def video_secret(self, *, again: bool = False) -> str | None:
        """The secret of the Stream webhook, asked of the API when it was not configured; `again`: it may have changed.

        None when there is none. Asked for at most every SECRET_AGE seconds.
        """
        asked = self._secret_asked is not None and self._monotonic() - self._secret_asked < SECRET_AGE
        if self.config.video_webhook_secret or asked or (self._video_secret and not again):
            return self._video_secret
        self._secret_asked = self._monotonic()
        try:
            webhook = await self.call("GET", "/webhook")
        except Refused:
            return None
        secret = webhook.get("secret") if isinstance(webhook, dict) else None
        self._video_secret = secret if isinstance(secret, str) and secret else None
        return self._video_secret

    # Inside.

    async def _find_or_make(self, request: InputRequest) -> LiveInput:
        """Look first: Cloudflare remembers an Idempotency-Key for six hours only, and an answer may have been lost.

        The look costs one request, and creates are rare.
        """
        for round_ in range(1, CREATE_ROUNDS + 1):
            try:
                known = await self._find(request.request_id)
                return await self.get_input(known) if known is not None else await self._make(request)
            except ProviderUnavailable as failure:
                if round_ == CREATE_ROUNDS or failure.retry_after > MAX_BACKOFF:
                    raise
                await self._sleep(0.25 * round_)
        raise AssertionError("the last round returns or raises")

    async def _find(self, request_id: str) -> str | None:
        listed = mapping.listed(await self.call("GET", "/live_inputs"))
        uids = (each.get("uid") for each in listed if mapping.request_id(each) == request_id)
        return next((str(uid) for uid in uids if mapping.is_uid(uid)), None)

    async def _make(self, request: InputRequest) -> LiveInput:
        body, key = mapping.create_body(request), {"Idempotency-Key": request.request_id}
        try:
            shape = await self.call("POST", "/live_inputs", body=body, headers=key, idempotent=False)
        except Refused as refused:
            if refused.status == 409:
                raise InputGone(request.request_id) from None
            raise
        live = self._input(shape)
        try:
            mapping.read_back(request.options, shape)
        except OptionRefused:
            await self.delete_input(live.uid)
            raise
        return live

    def _input(self, shape: mapping.Shape) -> LiveInput:
        live = mapping.live_input(shape, self.customer_url)
        self._rtmps_url = live.rtmps_url
        return live

    async def _of_input(self, uid: str, method: str, action: str = "", **options: Any) -> mapping.Shape:
        _require_uid(uid)
        try:
            shape = await self.call(method, f"/live_inputs/{uid}{action}", **options)
        except Refused as refused:
            if refused.status != 404:
                raise
            raise InputNotFound(uid) from None
        if not isinstance(shape, dict):
            raise ProviderUnavailable("Cloudflare answered with something that is not a live input")
        return shape

    async def _videos(self, input_uid: str, before: datetime | None) -> list[mapping.Shape]:
        params = {"live_input_id": input_uid, "status": "ready", "limit": str(LIST_PAGE)}
        if before is not None:
            # A microsecond later, so that those of the same moment come whether the bound counts or not (§2).
            params["before"] = f"{before.astimezone(UTC) + timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%fZ}"
        result = await self.call("GET", "", params=params)
        page = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
        return [each for each in page if each.get("liveInput") == input_uid]

    def _recordings(self, page: list[mapping.Shape]) -> list[Recording]:
        mapped = (mapping.recording(each, self.customer_url) for each in page)
        return [each for each in mapped if each is not None]

    async def _learn_customer_url(self) -> None:
        """Ask for something that shows the delivery host: an input, since lists of them do not (§1)."""
        listed = mapping.listed(await self.call("GET", "/live_inputs"))
        uid = listed[0].get("uid") if listed and self._customer_url is None else None
        if mapping.is_uid(uid):
            await self.get_input(str(uid))


def _require_uid(uid: str) -> None:
    if not mapping.is_uid(uid):
        raise InputNotFound(uid)


def _follows(recording: Recording, after: RecordingPosition | None) -> bool:
    return after is None or (recording.created, recording.uid) < (after.created, after.uid)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
