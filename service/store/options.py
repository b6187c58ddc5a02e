"""The options of a live input as columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from providers.base import InputOptions, LatencyMode


def options_row(options: InputOptions) -> dict[str, Any]:
    return {
        "slate_image_url": options.slate_image_url,
        "reconnect_timeout": options.reconnect_timeout,
        "latency_mode": options.latency_mode.value,
    }


def options_from(row: RowMapping) -> InputOptions:
    return InputOptions(
        slate_image_url=row["slate_image_url"],
        reconnect_timeout=row["reconnect_timeout"],
        latency_mode=LatencyMode(row["latency_mode"]),
    )
