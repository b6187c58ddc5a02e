"""Faults that a test injects: outages, and options that are declined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from providers.base import InputOptions, OptionRefused, ProviderError
from providers.ranges import require_options, require_overlap


@dataclass(frozen=True, slots=True)
class Outage:
    """Every call fails; with `answers_state`, `state` still gives its last answer."""

    failure: Callable[[], ProviderError]
    answers_state: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refusal of every value of an option but the `accepted` one."""

    rule: str
    accepted: Any


@dataclass(slots=True)
class Faults:
    """`refusals` by the option's name."""

    outage: Outage | None = None
    refusals: dict[str, Refusal] = field(default_factory=dict)

    def raise_outage(self, *, asked_for_state: bool = False) -> None:
        """Raise the failure, while there is an outage."""
        if self.outage is not None and not (asked_for_state and self.outage.answers_state):
            raise self.outage.failure()

    def check_options(self, options: InputOptions, insisted: frozenset[str]) -> InputOptions:
        """Return the effective options for the requested ones. Errors: OptionRefused."""
        require_options(options)
        for option, refusal in self.refusals.items():
            if option == "overlap" or getattr(options, option) == refusal.accepted:
                continue
            if option in insisted:
                raise OptionRefused(option, refusal.rule)
            options = replace(options, **{option: refusal.accepted})
        return options

    def check_overlap(self, seconds: int) -> None:
        """Check the overlap of stream keys. Errors: OptionRefused."""
        require_overlap(seconds)
        if seconds and "overlap" in self.refusals:
            raise OptionRefused("overlap", self.refusals["overlap"].rule)
