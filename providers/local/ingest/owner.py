"""What a connection needs from the server that owns it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from providers.local.ingest.limits import IngestCounters, IngestLimits
from providers.local.ports.publishing import PublishGate
from providers.local.ports.refusals import Refusal

C = TypeVar("C", contravariant=True)


class ConnectionOwner(Protocol[C]):
    """What a connection needs from its server."""

    limits: IngestLimits
    counters: IngestCounters
    gate: PublishGate

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start a task that the owner waits for when it closes."""

    def greeted(self, connection: C) -> None:
        """Note that the connection finished its handshakes."""

    def publisher_limit(self, connection: C) -> Refusal | None:
        """Return the refusal when no publisher can be added."""

    def begin_publish(self, connection: C) -> None:
        """Count the connection among the publishers."""

    def end_publish(self, connection: C) -> None:
        """Stop counting it among the publishers; does nothing if it was not counted."""

    def ended_unpublished(self, connection: C, reason: str, detail: str = "") -> None:
        """Count a connection that ends without a publish."""

    def forget(self, connection: C) -> None:
        """Remove a connection whose socket is closed."""
