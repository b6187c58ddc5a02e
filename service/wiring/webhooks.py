"""Build the deliverer of webhooks on its ports."""

from __future__ import annotations

from providers.base import Spawn
from service.api.webhook_payloads import PAYLOADS
from service.clock import Clock
from service.domain.outgoing import Outgoing
from service.domain.webhooks.deliverer import Deliverer, DeliveryCounts
from service.domain.webhooks.limits import DeliveryLimits
from service.domain.webhooks.turn import DeliveryPorts
from service.store import Store


def make_deliverer(store: Store, outgoing: Outgoing, limits: DeliveryLimits, clock: Clock, spawn: Spawn) -> Deliverer:
    """Return the deliverer, not started."""
    counts = DeliveryCounts()
    ports = DeliveryPorts(store.webhook_queue, store, store.events, outgoing, PAYLOADS, limits, clock, counts.note)
    return Deliverer(ports, counts, spawn)
