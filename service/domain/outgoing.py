"""Port of calls to addresses that clients give, such as the endpoints of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MAX_ANSWER = 64 * 1024
"""The most bytes of an answer's body that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `body` holds its first MAX_ANSWER bytes, as they were sent."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class CallFailed(Exception):
    """There was no complete answer. `reason` is one sentence for the owner of the address; it reveals nothing about our network."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outgoing(Protocol):
    """Calls addresses that are not trusted: public ones and those the operator allows. It follows no redirect."""

    def refusal(self, url: str) -> str | None:
        """Return why this URL can never be called, as a sentence, or None. Host names are resolved and checked at each call."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """Send a POST and return the answer, whatever its status.

        Args:
            headers: All headers of the request, except Host and Content-Length.
            timeout: Seconds until the answer must be complete. Waiting for a free connection does not count.

        Raises:
            CallFailed: The address is not allowed, does not answer, or the answer broke off.
        """
