"""The health of a channel's incoming stream: the provider's measurements, the diagnostics, and the viewer counts."""

from __future__ import annotations

from dataclasses import dataclass

from providers.health import HealthPoint, InputHealth
from service.domain.audience.log import AudienceLog
from service.domain.entities import Channel
from service.domain.health.diagnostics import HealthFinding, findings
from service.domain.streams.streams import Streams


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """`history`: each point with the viewers at that time; None where there is no count."""

    input: InputHealth
    findings: list[HealthFinding]
    history: list[tuple[HealthPoint, int | None]]


class StreamDiagnostics:
    """Reads the health of channels. Raises NotFound if there is no live input, and Unavailable."""

    def __init__(self, streams: Streams, audience: AudienceLog) -> None:
        self._streams = streams
        self._audience = audience

    async def of(self, channel: Channel) -> StreamHealth:
        uid, health = await self._streams.health(channel)
        viewers = self._audience.at(uid, [point.at for point in health.history])
        return StreamHealth(health, findings(health), list(zip(health.history, viewers, strict=True)))
