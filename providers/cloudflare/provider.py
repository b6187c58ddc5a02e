"""Cloudflare Stream as a provider (Cloudflare's API: Stream, live inputs).

Inputs and recordings go through the API; the state of an input comes from the delivery host's /lifecycle, which is not counted,
and asks the API only after a webhook, a visible change, or when its last answer is old (`states.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from aiohttp import web

from providers.base import (
    MAX_PAGE,
    EventKind,
    EventListener,
    InputNotFound,
    InputOptions,
    InputRequest,
    InputState,
    InputUid,
    LiveInput,
    OptionRefused,
    Playback,
    ProviderError,
    ProviderEvent,
    ProviderUnavailable,
    Recording,
    RecordingList,
    RecordingNotFound,
    RecordingPosition,
    Spawn,
)
from providers.cloudflare import mapping, webhooks
from providers.cloudflare.account import Account, require_uid
from providers.cloudflare.budget import Priority
from providers.cloudflare.client import RequestRefused
from providers.cloudflare.config import RTMPS_URL, STOP_TIMEOUT, CloudflareConfig
from providers.cloudflare.provisioning import Provisioning
from providers.cloudflare.reads import Answer, Reads
from providers.cloudflare.states import States
from providers.health import InputHealth
from providers.ranges import require_options

log = structlog.get_logger(__name__)

MAX_LIST_PAGES = 20
"""Pages walked for one call."""

MAX_RECORDINGS = 10_000
"""Recordings kept in the pages they were read in, about 1 kB each."""

MAX_SINGLE_RECORDINGS = 2_000
"""Cached recordings that were requested by uid."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _VideoPage:
    """A page of an input's ready videos. `oldest`: when its last video was made, if it has one; `full`: there may be more."""

    recordings: tuple[Recording, ...]
    oldest: datetime | None
    full: bool


_PageKey = tuple[InputUid, datetime | None]
"""An input's uid, and the moment before which its videos are listed."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _in_time(
    action: Callable[Concatenate[CloudflareProvider, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[CloudflareProvider, P], Coroutine[Any, Any, T]]:
    """Limit all requests of an action to `action_timeout`; else ProviderUnavailable. A retry finds what was done so far."""

    @wraps(action)
    async def bounded(provider: CloudflareProvider, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            async with asyncio.timeout(provider.config.action_timeout):
                return await action(provider, *args, **kwargs)
        except TimeoutError:
            raise ProviderUnavailable("Cloudflare does not answer in time") from None

    return bounded


class CloudflareProvider:
    """Implements `providers.base.Provider`. `clock` is the time of day, `monotonic` counts the budget, `sleep` waits."""

    name = "cloudflare"
    accepts_encoders = False

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
        self._open = AsyncExitStack()
        self._rtmps_url = RTMPS_URL
        self._account = Account(config, clock, monotonic, sleep)
        self._provisioning = Provisioning(self._account, sleep)
        self._pages: Reads[_PageKey, _VideoPage] = Reads(clock, MAX_RECORDINGS, lambda page: len(page.recordings) + 1)
        self._recordings: Reads[str, Recording | None] = Reads(clock, MAX_SINGLE_RECORDINGS)
        self.states = States(self._account, clock)
        self.states.listeners.append(self._happened)

    @property
    def rtmps_url(self) -> str:
        return self._rtmps_url

    async def start(self) -> None:
        await self._open.enter_async_context(self._account)
        follower = self._spawn(self.states.follow(), name="cloudflare-follow")
        self._open.push_async_callback(_cancel, follower)
        try:
            await self._account.check()
        except ProviderError as failure:
            # Start even if Cloudflare is unavailable: readiness reports it, and the first answer supplies the delivery host.
            log.warning("cloudflare unavailable at start", reason=str(failure))

    async def aclose(self) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._open.aclose()
        except TimeoutError:
            log.error("cloudflare did not close in time")

    async def check(self) -> None:
        await self._account.check()

    def listen(self, listener: EventListener) -> None:
        self.states.listeners.append(listener)

    def routes(self) -> list[web.RouteDef]:
        return webhooks.routes(self)

    def metrics(self) -> tuple[()]:
        return ()

    def playback(self, uid: str) -> Playback:
        return mapping.playback(uid, self._account.customer_url)

    @_in_time
    async def ensure_input(self, request: InputRequest) -> LiveInput:
        """See the port. InputGone is raised for the six hours Cloudflare remembers a request; after that a new input is created."""
        require_options(request.options)
        return self._input(await self._provisioning.ensure(request))

    @_in_time
    async def get_input(self, uid: InputUid) -> LiveInput:
        answer = await self._account.read_input(uid)
        return replace(self._input(answer.value), as_of=answer.as_of)

    @_in_time
    async def update_input(self, uid: InputUid, options: InputOptions) -> LiveInput:
        require_options(options)
        return self._input(await self._provisioning.change(uid, options))

    @_in_time
    async def set_enabled(self, uid: InputUid, enabled: bool) -> LiveInput:
        with self._waking_on_failure(uid):
            try:
                shape = await self._account.of_input(uid, "POST", "/enable" if enabled else "/disable")
            except (InputNotFound, RequestRefused):
                # In no SDK: where the router does not know it, the documented way says whether the input is there.
                shape = await self._account.of_input(uid, "PUT", body={"enabled": enabled})
        if enabled:
            self.states.wake(uid)
        else:
            self.states.closed_by_us(uid, "disabled")
        return self._input(shape)

    @_in_time
    async def rotate_key(self, uid: InputUid, overlap: int = 0) -> LiveInput:
        if overlap:
            raise OptionRefused("overlap", "Cloudflare stops the old key at once: leave this out.")
        with self._waking_on_failure(uid):
            shape = await self._account.of_input(uid, "POST", "/rotate_keys", idempotent=False)
        self.states.closed_by_us(uid, "key_rotated")
        return self._input(shape)

    @_in_time
    async def delete_input(self, uid: InputUid) -> None:
        await self._account.delete(uid)
        self.states.ended(uid)

    async def state(self, uid: InputUid) -> InputState:
        require_uid(uid)
        return await self.states.state(uid)

    def on_air(self) -> None:
        """None: Cloudflare lists no states, and only requested inputs are followed here."""

    def is_elsewhere(self, uid: InputUid) -> bool:
        """Return False: every process can report what happens."""
        return False

    async def health(self, uid: InputUid) -> InputHealth:
        """Return only whether an encoder is connected: Cloudflare publishes no measurements."""
        return InputHealth(measured=False, connected=(await self.state(uid)).is_connected)

    @_in_time
    async def recordings(
        self, input_uid: InputUid, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> RecordingList:
        if not mapping.is_uid(input_uid):
            return RecordingList()
        limit = max(1, min(limit, MAX_PAGE))
        found: dict[str, Recording] = {}
        known_at: list[datetime] = []
        before = after.created if after is not None else None
        for _ in range(MAX_LIST_PAGES):
            answer = await self._page(input_uid, before)
            known_at += [answer.as_of] if answer.as_of is not None else []
            page = answer.value
            found |= {each.uid: each for each in page.recordings if _follows(each, after)}
            if len(found) >= limit or not page.full or page.oldest is None or page.oldest == before:
                break
            before = page.oldest
        newest_first = sorted(found.values(), key=lambda each: (each.created, each.uid), reverse=True)
        return RecordingList(newest_first[:limit], as_of=min(known_at, default=None))

    @_in_time
    async def recording(self, uid: str) -> Recording:
        async def ask(priority: Priority) -> Recording | None:
            shape = await self._account.video(uid, priority=priority)
            return None if shape is None else mapping.recording(shape, self._account.customer_url)

        answer = await self._recordings.get(uid, ask)
        if answer.value is None:
            raise RecordingNotFound(uid)
        return replace(answer.value, as_of=answer.as_of)

    def kept_recordings(self) -> None:
        """None: the account may have videos of other services, and lists are requests."""

    @_in_time
    async def delete_recording(self, uid: str) -> None:
        """See the port. The video is read first: an account has videos that are no recordings."""
        recording = await self.recording(uid)
        try:
            await self._account.delete_video(uid)
        finally:
            self._pages.expire(lambda key: key[0] == recording.input_uid)
            self._recordings.drop(uid)

    def recording_changed(self, input_uid: InputUid, uid: str) -> None:
        """Mark the cached recordings of this input as out of date."""
        self._pages.expire(lambda key: key[0] == input_uid)
        self._recordings.expire(lambda key: key == uid)
        self.states.recorded(input_uid, uid)

    def input_changed(self, uid: InputUid, encoder_error: str | None = None) -> None:
        """Refresh this input. `encoder_error`: the error that Cloudflare reports for its encoder."""
        self._account.inputs.expire(lambda key: key == uid)
        if encoder_error is None:
            self.states.wake(uid)
        else:
            self.states.encoder_error(uid, encoder_error)

    async def webhook_secret(self, *, again: bool = False) -> str | None:
        """Return the secret that signs the Stream webhook (`Account.webhook_secret`)."""
        return await self._account.webhook_secret(again=again)

    # Inside.

    @contextmanager
    def _waking_on_failure(self, uid: InputUid) -> Iterator[None]:
        """Refresh the input if the answer to a change is lost: the encoder may have been disconnected anyway."""
        try:
            yield
        except (ProviderUnavailable, asyncio.CancelledError):
            self.states.wake(uid)
            raise

    def _input(self, shape: mapping.Shape) -> LiveInput:
        live = mapping.live_input(shape, self._account.customer_url)
        self._rtmps_url = live.rtmps_url
        return live

    async def _page(self, input_uid: InputUid, before: datetime | None) -> Answer[_VideoPage]:
        async def ask(priority: Priority) -> _VideoPage:
            shapes = await self._account.ready_videos(input_uid, before, priority)
            mapped = (mapping.recording(each, self._account.customer_url) for each in shapes)
            oldest = mapping.moment(shapes[-1].get("created")) if shapes else None
            full = len(shapes) >= self.config.list_page
            return _VideoPage(tuple(each for each in mapped if each is not None), oldest, full)

        return await self._pages.get((input_uid, before), ask)

    def _happened(self, event: ProviderEvent) -> None:
        if event.kind is EventKind.RECORDING_READY:
            self._pages.expire(lambda key: key[0] == event.input_uid)
            self._recordings.expire(lambda key: key == event.recording_uid)


def _follows(recording: Recording, after: RecordingPosition | None) -> bool:
    return after is None or (recording.created, recording.uid) < (after.created, after.uid)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
