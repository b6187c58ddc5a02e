"""The services behind the operations of the API channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from service.clock import Clock
from service.concurrency.token_bucket import AddressTokenBuckets
from service.domain.errors import Throttled
from service.domain.inboxes.access import InboxAccess
from service.domain.inboxes.contacts import Contacts
from service.domain.inboxes.conversations import Conversations
from service.domain.inboxes.inboxes import Inboxes
from service.domain.inboxes.messages import InboxMessages
from service.domain.inboxes.pictures import Pictures
from service.domain.inboxes.ports import AttachmentFiles
from service.domain.inboxes.public import PublicInboxes
from service.http.client_address import Networks, client_address
from service.http.operation import Call

REQUESTS_PER_MINUTE = 3_000
"""From one address (of IPv6, a /64), also the largest burst."""

MAX_ADDRESSES = 20_000


class AddressLimit:
    """Limits requests by address."""

    def __init__(self, clock: Clock, trusted_proxies: Networks) -> None:
        self._clock = clock
        self._trusted = trusted_proxies
        self._buckets = AddressTokenBuckets(REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE / 60, MAX_ADDRESSES)

    def check(self, call: Call[Any, Any]) -> None:
        """Count a request. Raise Throttled if its address has sent too many."""
        forwarded = ", ".join(call.request.headers.getall("X-Forwarded-For", []))
        address = client_address(call.request.remote or "", forwarded, self._trusted)
        wait = self._buckets.acquire(address, self._clock.unix_ms())
        if wait > 0:
            raise Throttled(math.ceil(wait))


@dataclass(frozen=True, slots=True)
class InboxServices:
    """What the operations call."""

    access: InboxAccess
    inboxes: Inboxes
    contacts: Contacts
    conversations: Conversations
    messages: InboxMessages
    public: PublicInboxes
    pictures: Pictures
    files: AttachmentFiles
    limit: AddressLimit
