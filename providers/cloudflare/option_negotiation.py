"""What to ask Cloudflare for when it declines an option nobody insisted on. Pure.

Which values of `timeoutSeconds` an account takes is not documented, so our own default may be one that it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from providers.base import InputOptions, LatencyMode, OptionRefused

KNOWN_TIMEOUTS = (10, 60, 180)
"""Values of `timeoutSeconds`, in seconds, that Cloudflare was seen to take."""

CLOUDFLARES_OWN = 0
"""`timeoutSeconds` that leaves the window to Cloudflare, which does not tell how long it is; always taken."""


class Wishes:
    """`options` is what to ask for now; `insisted` names those that are asked for or nothing."""

    def __init__(self, options: InputOptions, insisted: frozenset[str]) -> None:
        self.options = options
        self._insisted = insisted
        self._timeouts = timeouts_instead(options.reconnect_timeout)

    def give_way(self, declined: OptionRefused) -> None:
        """Go over to the next best for the option that was declined. Raises `declined` where there is none."""
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
    """Reconnect timeouts to ask for after `wished`, nearest longer first: a window too long only ends a broadcast late."""
    others = (each for each in KNOWN_TIMEOUTS if each != wished)
    yield from sorted(others, key=lambda each: (each < wished, abs(each - wished)))
    yield CLOUDFLARES_OWN
