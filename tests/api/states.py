"""A state view without a board: asks the provider, counts nobody."""

from __future__ import annotations

from collections.abc import Sequence

from providers.base import InputNotFound, Phase, Provider
from service.domain.ports import LiveSummary


class ProviderStates:
    """Implements `domain.ports.StateView`."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def states(self, uids: Sequence[str]) -> dict[str, LiveSummary]:
        summaries = {}
        for uid in uids:
            try:
                summaries[uid] = LiveSummary((await self._provider.state(uid)).phase, 0)
            except InputNotFound:
                summaries[uid] = LiveSummary(Phase.OFFLINE, 0)
        return summaries
