"""HTTP client for Cloudflare's API and delivery host. Bounded in time, size, attempts and rate.

Errors::

    providers.base.ProviderError
    ├── ProviderUnavailable   no usable answer, or refused credentials
    │   └── ProviderBusy      no budget left, or Cloudflare blocks us: nothing was sent
    └── RequestRefused               Cloudflare said no (4xx); carries status, codes, attempt
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from providers.base import ProviderBusy, ProviderError, ProviderUnavailable, acting_for
from providers.cloudflare.budget import Budget, Priority, Refusal
from providers.cloudflare.config import CONNECT_TIMEOUT, MAX_ANSWER, MAX_ATTEMPTS, MAX_BACKOFF, CloudflareConfig

log = structlog.get_logger(__name__)

FIRST_BACKOFF = 0.25
"""Seconds; doubled with every attempt, and spread by chance so that clients do not march in step."""

RETRY_AFTER_429 = 300.0
"""Seconds, when a 429 does not say: what Cloudflare blocks for."""

MAX_BUDGET_WAIT = {Priority.WRITE: 5.0, Priority.READ: 1.0, Priority.POLL: 0.0, Priority.RENEW: 0.0}
"""Seconds a request waits in line for the budget before it is refused."""

BUSY_LOG_EVERY = 60.0
"""Seconds between two log lines about a used-up budget."""

MIN_BUDGET_WAIT = 0.05
"""The shortest wait in line, in seconds."""

CHUNK = 64 * 1024

_RATE_LIMIT = re.compile(r"r=(\d{1,9});t=(\d{1,9})")


class RequestRefused(ProviderError):
    """A 4xx. `codes` are the numbers in its envelope (often empty); `attempt` counts from 1."""

    def __init__(self, status: int, codes: tuple[int, ...], message: str, attempt: int) -> None:
        super().__init__(f"Cloudflare refused: HTTP {status} {message}")
        self.status = status
        self.codes = codes
        self.message = message
        self.attempt = attempt


class _Transient(Exception):
    """Worth another attempt, after `wait` seconds when Cloudflare said so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any
    retry_after: float | None
    ray: str
    rate_limit: str


class Client:
    """One account's API. `monotonic` in seconds; `sleep` waits between attempts."""

    def __init__(
        self,
        config: CloudflareConfig,
        http: aiohttp.ClientSession,
        budget: Budget,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._budget = budget
        self._monotonic = monotonic
        self._sleep = sleep
        self._log_busy_at = 0.0
        self._root = f"{config.base_url.rstrip('/')}/accounts/{config.account_id}/stream"
        self._authorization = {"Authorization": f"Bearer {config.api_token}"}
        self._api_timeout = aiohttp.ClientTimeout(total=config.api_timeout, sock_connect=CONNECT_TIMEOUT)
        self._delivery_timeout = aiohttp.ClientTimeout(total=config.delivery_timeout, sock_connect=CONNECT_TIMEOUT)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
        priority: Priority = Priority.WRITE,
    ) -> Any:
        """Return `result` of the envelope, None when the answer is empty. `path` is below /accounts/{a}/stream.

        `idempotent` allows more attempts; `priority` decides the order when the budget is short. Errors: see the module.
        """
        attempts = MAX_ATTEMPTS if idempotent else 1
        for attempt in range(1, attempts + 1):
            await self._spend(priority)
            try:
                answer = await self._once(method, path, body, params, headers)
                return _result(answer, attempt, f"{method} {path}")
            except _Transient as failure:
                wait = _backoff(attempt) if failure.wait is None else failure.wait
                if wait > MAX_BACKOFF:
                    self._budget.block(wait)
                if attempt == attempts or wait > MAX_BACKOFF:
                    raise ProviderUnavailable(f"Cloudflare: {failure}", retry_after=max(1.0, wait)) from None
                await self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def deliver(self, url: str) -> tuple[int, Any]:
        """Return status and JSON of a GET on the delivery host: no credentials, no budget, one attempt.

        Errors: ProviderUnavailable, also for a success or a redirect without an object: that is not the delivery host.
        """
        try:
            answer = await self._send("GET", url, self._delivery_timeout)
        except _Transient as failure:
            raise ProviderUnavailable(f"Cloudflare's delivery host: {failure}") from None
        if answer.status >= 500 or answer.status == 429:
            raise ProviderUnavailable(f"Cloudflare's delivery host: HTTP {answer.status}")
        if answer.status < 400 and answer.status != 204 and not isinstance(answer.body, dict):
            raise ProviderUnavailable("Cloudflare's delivery host: an answer that is no JSON object")
        return answer.status, answer.body

    async def _spend(self, priority: Priority) -> None:
        """Wait for a token of the budget. Errors: ProviderBusy, when that takes longer than MAX_BUDGET_WAIT."""
        left = MAX_BUDGET_WAIT[priority]
        while (refusal := self._budget.acquire(priority, acting_for.get())) is not None:
            wait = max(MIN_BUDGET_WAIT, refusal.wait)
            if wait > left:
                raise self._busy(refusal, priority)
            left -= wait
            await self._sleep(wait)

    def _busy(self, refusal: Refusal, priority: Priority) -> ProviderBusy:
        now = self._monotonic()
        if now >= self._log_busy_at:
            self._log_busy_at = now + BUSY_LOG_EVERY
            log.warning("cloudflare request budget used up", priority=priority.value, blocked=refusal.blocked)
        return ProviderBusy(
            _sentence(refusal),
            retry_after=refusal.retry_after,
            above_share=refusal.above_share,
            blocked=refusal.blocked,
        )

    async def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> _Answer:
        sent = {**self._authorization, **(headers or {})}
        answer = await self._send(method, self._root + path, self._api_timeout, json=body, params=params, headers=sent)
        if (limit := _RATE_LIMIT.search(answer.rate_limit)) is not None:
            self._budget.observe(float(limit[1]), float(limit[2]))
        if answer.status < 400:
            return answer
        log.warning(
            "cloudflare refused",
            request=f"{method} {path}",
            status=answer.status,
            codes=_codes(answer.body),
            ray=answer.ray,
        )
        if answer.status == 429:
            raise _Transient("HTTP 429", answer.retry_after or RETRY_AFTER_429)
        if answer.status >= 500:
            raise _Transient(f"HTTP {answer.status}", answer.retry_after)
        return answer

    async def _send(self, method: str, url: str, timeout: aiohttp.ClientTimeout, **options: Any) -> _Answer:
        try:
            # A redirect would carry the token to wherever it points.
            async with self._http.request(method, url, timeout=timeout, allow_redirects=False, **options) as answer:
                raw = await _read(answer)
                retry_after = answer.headers.get("retry-after", "")
                wait = float(retry_after) if retry_after.isdecimal() else None
                headers = answer.headers
                return _Answer(
                    answer.status, _parse(raw), wait, headers.get("cf-ray", ""), headers.get("ratelimit", "")
                )
        except TimeoutError:
            raise _Transient("no answer in time") from None
        except aiohttp.ClientError as failure:
            # Only its kind: the errors of aiohttp carry the request, and with it the token.
            raise _Transient(type(failure).__name__) from None


def _sentence(refusal: Refusal) -> str:
    """Return why the request was not sent, for API users."""
    seconds = f"Try again in {math.ceil(refusal.retry_after)} seconds."
    if refusal.blocked:
        return f"Cloudflare has blocked this service for exceeding its request limit. {seconds}"
    if refusal.above_share:
        return f"Your organization has used its share of the requests that Cloudflare allows this service. {seconds}"
    return f"This service has used up the requests that Cloudflare allows it for now. {seconds}"


def _backoff(attempt: int) -> float:
    return random.uniform(0.5, 1) * FIRST_BACKOFF * float(2 ** (attempt - 1))  # noqa: S311 - not a secret


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        raw += chunk
        if len(raw) > MAX_ANSWER:
            raise _Transient(f"an answer of more than {MAX_ANSWER} bytes")
    return bytes(raw)


def _parse(raw: bytes) -> Any:
    """Return the JSON; None for an empty body, Ellipsis for one that is not JSON."""
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return ...


def _result(answer: _Answer, attempt: int, request: str) -> Any:
    body = answer.body
    if answer.status < 300:
        if body is ...:
            raise _Transient("an answer that is not JSON")
        return body.get("result") if isinstance(body, dict) else None
    if answer.status in {401, 403}:
        raise ProviderUnavailable(f"Cloudflare refused our API token: HTTP {answer.status}", retry_after=60.0)
    raise RequestRefused(answer.status, _codes(body), _message(body) or request, attempt)


def _errors(body: Any) -> list[dict[str, Any]]:
    errors = body.get("errors") if isinstance(body, dict) else None
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []


def _codes(body: Any) -> tuple[int, ...]:
    return tuple(each["code"] for each in _errors(body) if isinstance(each.get("code"), int))


def _message(body: Any) -> str:
    return "; ".join(each["message"] for each in _errors(body) if isinstance(each.get("message"), str))[:200]
