"""The metrics of webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from service.domain.webhooks.deliverer import DeliveryCounts
from service.domain.webhooks.ports import WebhookStatistics
from service.domain.webhooks.webhook import DeliveryStatus, Outcome
from service.metrics.webhooks import WebhookMetrics


def test_outcomes_states_and_the_lag_are_exposed() -> None:
    counts = DeliveryCounts()
    registry = CollectorRegistry()
    registry.register(WebhookMetrics(counts))
    assert "conference_webhook_lag_seconds" not in generate_latest(registry).decode(), "not read yet"
    counts.note(Outcome(DeliveryStatus.FAILED, datetime.now(UTC), 0.1))
    counts.statistics = WebhookStatistics(webhooks=5, failing=2, disabled=1, lag=12.5)
    lines = generate_latest(registry).decode().splitlines()
    for line in (
        'conference_webhook_deliveries_total{status="successful"} 0.0',
        'conference_webhook_deliveries_total{status="failed"} 1.0',
        "conference_webhook_lag_seconds 12.5",
        'conference_webhooks{state="working"} 2.0',
        'conference_webhooks{state="failing"} 2.0',
        'conference_webhooks{state="disabled"} 1.0',
    ):
        assert line in lines
