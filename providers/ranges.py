"""The ranges of the port's numbers, the same at every provider. What one provider declines beyond them is its own to say."""

from __future__ import annotations

from providers.base import MAX_KEY_OVERLAP, MAX_RECONNECT_TIMEOUT, InputOptions, OptionRefused


def require_options(options: InputOptions) -> None:
    """Raise OptionRefused when a value is out of range."""
    _require("reconnect_timeout", options.reconnect_timeout, MAX_RECONNECT_TIMEOUT)


def require_overlap(seconds: int) -> None:
    """Raise OptionRefused when an old key may not work on for so long."""
    _require("overlap", seconds, MAX_KEY_OVERLAP)


def _require(option: str, seconds: int, most: int) -> None:
    if not 0 <= seconds <= most:
        raise OptionRefused(option, f"must be between 0 and {most} seconds")
