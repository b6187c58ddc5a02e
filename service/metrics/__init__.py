"""Prometheus metrics, read when `GET /metrics` is requested. `scripts/monitoring` has alert rules and a board for them."""
