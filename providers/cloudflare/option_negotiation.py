"""Choice of another value when Cloudflare declines an option that is not required. Pure.

The values of `timeoutSeconds` that an account accepts are not documented, so it may decline our own default.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from providers.base import InputOptions, LatencyMode, OptionRefused

KNOWN_TIMEOUTS = (10, 60, 180)
"""Values of `timeoutSeconds`, in seconds, that Cloudflare is known to accept."""

CLOUDFLARES_OWN = 0
"""`timeoutSeconds` that leaves the length of the window to Cloudflare, which does not document it; always accepted."""


class RequestedOptions:
    """`options` is what to request now; `insisted` names the required ones."""

    def __init__(self, options: InputOptions, insisted: frozenset[str]) -> None:
        self.options = options
        self._insisted = insisted
        self._timeouts = timeouts_instead(options.reconnect_timeout)

    def give_way(self, declined: OptionRefused) -> None:
        """Replace the declined option by its next alternative. Raise `declined` when there is none."""
        if declined.option in self._insisted:
            raise declined
        timeout = next(self._timeouts, None) if declined.option == "reconnect_timeout" else None
        if timeout is not None:
            self.options = replace(self.options, reconnect_timeout=timeout)
        elif declined.option == "latency_mode" and self.options.latency_mode is LatencyMode.LOW:
            self.options = replace(self.options, latency_mode=LatencyMode.STANDARD)
        else:
            raise declined


def timeouts_instead(wished: int) -> Iterator[int]:
    """Return the reconnect timeouts to try after `wished`, nearest longer first: a longer one only ends a broadcast late."""
    others = (each for each in KNOWN_TIMEOUTS if each != wished)
    yield from sorted(others, key=lambda each: (each < wished, abs(each - wished)))
    yield CLOUDFLARES_OWN
