"""The checks on a publish that need no broadcast: the address, the key, the state of the live input, and who carries it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from providers.local.live.refusal_history import RefusalHistory
from providers.local.ownership.keeper import ClaimKeeper, NodeCutOff
from providers.local.ownership.port import ClaimHeld
from providers.local.ports.inputs import InputStore, StoredInput, key_digest
from providers.local.ports.publishing import APP, PublishRequest
from providers.local.ports.refusals import PublishRefused, Refusal


def require_target(app: str, stream_key: str) -> None:
    """Raise PublishRefused unless the application is ours and there is a key.

    A single word arrives as the key (`publish_target`), so the application alone is a URL without a key.
    """
    app = app.strip("/")
    if app in ("", APP) and stream_key.strip() in ("", APP) and (app or stream_key):
        raise PublishRefused(Refusal.MISSING_KEY)
    if app != APP:
        raise PublishRefused(Refusal.UNKNOWN_APP)


def require_open(stored: StoredInput | None, stream_key: str, now: datetime) -> StoredInput:
    """Return the input found for this key if it accepts encoders. Raises PublishRefused."""
    if stored is None:
        raise PublishRefused(Refusal.UNKNOWN_KEY)
    if not stored.accepts(key_digest(stream_key), now):
        raise PublishRefused(Refusal.KEY_CHANGED)
    if not stored.enabled:
        raise PublishRefused(Refusal.INPUT_DISABLED)
    return stored


class KeyCheck:
    """Which input a key opens, and whether this node may carry its broadcast. `clock` gives Unix time in seconds."""

    def __init__(
        self, inputs: InputStore, claims: ClaimKeeper, refusals: RefusalHistory, clock: Callable[[], float]
    ) -> None:
        self._inputs = inputs
        self._claims = claims
        self._refusals = refusals
        self._clock = clock
        self.changes = 0
        """Changes of inputs in the store: a look-up under way may be out of date."""

    async def check(self, request: PublishRequest) -> StoredInput:
        """Return the input of this key if it accepts encoders. Raises PublishRefused."""
        found = await self._look_up(request.stream_key)
        stored = require_open(found, request.stream_key, datetime.fromtimestamp(self._clock(), UTC))
        # Before a session is made: an encoder that keeps reconnecting must not begin broadcasts.
        self._refusals.check(stored.uid)
        return stored

    async def claim(self, stored: StoredInput, request: PublishRequest) -> StoredInput:
        """Make sure that this node carries the input's broadcast; return the input as it is then. Raises PublishRefused."""
        while True:
            seen = self.changes
            try:
                await self._claims.hold(stored.uid)
            except ClaimHeld as held:
                raise PublishRefused(Refusal.KEY_IN_USE) from held
            except NodeCutOff as lost:
                raise PublishRefused(Refusal.NODE_CUT_OFF) from lost
            if seen == self.changes:
                return stored
            stored = await self.check(request)

    async def _look_up(self, stream_key: str) -> StoredInput | None:
        """Return the input of this key. A change that overtook the store's answer makes us ask again."""
        while True:
            seen = self.changes
            stored = await self._inputs.by_key(stream_key)
            if seen == self.changes:
                return stored
