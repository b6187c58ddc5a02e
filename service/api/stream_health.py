"""Health of a channel's incoming stream: measurements, findings and recent history."""

from __future__ import annotations

from pydantic import Field

from providers.health import AudioFacts, HealthPoint, VideoFacts
from service.api.conference import CONFERENCE, TAG
from service.domain.conversation.channels import Channels
from service.domain.health.diagnostics import HealthFinding
from service.domain.health.stream_health import StreamDiagnostics, StreamHealth
from service.domain.health.thresholds import Severity
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer

HEALTH = CONFERENCE + "/stream_health"


class VideoAnswer(Answer):
    """Video of the stream. Unknown fields are null."""

    codec: str = Field(description="Display name, e.g. H.264.")
    profile: str | None = Field(description="Display name, e.g. High.")
    level: str | None = Field(description="E.g. 3.1.")
    width: int | None
    height: int | None
    fps: float | None
    bitrate_kbps: int | None
    keyframe_interval_seconds: float | None
    b_frames: bool | None


class AudioAnswer(Answer):
    """Audio of the stream. Unknown fields are null."""

    codec: str = Field(description="Display name, e.g. AAC.")
    profile: str | None = Field(description="Display name, e.g. LC.")
    sample_rate: int | None = Field(description="Hz.")
    channels: int | None
    bitrate_kbps: int | None


class FindingAnswer(Answer):
    """A problem of the incoming stream, with advice."""

    code: str = Field(description="Machine-readable code. New codes may be added.")
    severity: Severity
    message: str = Field(description="The problem and its effect on viewers.")
    advice: str = Field(description="How to solve it, with the setting in OBS.")


class HistoryPoint(Answer):
    """Averages per second over the two seconds before."""

    at: Moment
    video_kbps: int
    audio_kbps: int
    fps: float
    viewer_count: int | None = Field(description="null if unknown.")


class StreamHealthAnswer(Answer):
    """Health of the incoming stream."""

    measured: bool = Field(description="false: the provider does not measure incoming streams.")
    connected: bool = Field(description="Whether an encoder is connected. If not, the values are the last encoder's.")
    measured_at: Moment | None = Field(description="null until the first measurement.")
    encoder: str | None = Field(description="Name that the encoder reports.")
    video: VideoAnswer | None = Field(description="null if there is none.")
    audio: AudioAnswer | None = Field(description="null if there is none.")
    findings: list[FindingAnswer] = Field(description="Most severe first.")
    history: list[HistoryPoint] = Field(
        description="One point every two seconds for the last five minutes of the broadcast, oldest first."
    )


def operations(channels: Channels, desk: StreamDiagnostics) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "GET",
        HEALTH,
        answers={200: StreamHealthAnswer},
        tag=TAG,
        summary="Health of the channel's incoming stream",
    )
    async def get_stream_health(call: Call[Nothing, Nothing]) -> Reply:
        """Return the health, measured at the server every two seconds. 404 if the channel has no live input yet."""
        channel = await channels.visible(call.client, call.path["channel_id"])
        return Reply(_answer(await desk.of(channel)))

    return [get_stream_health]


def _answer(health: StreamHealth) -> StreamHealthAnswer:
    known = health.input
    return StreamHealthAnswer(
        measured=known.measured,
        connected=known.connected,
        measured_at=known.measured_at,
        encoder=known.encoder,
        video=None if known.video is None else _video(known.video),
        audio=None if known.audio is None else _audio(known.audio),
        findings=[finding_answer(each) for each in health.findings],
        history=[_point(point, viewers) for point, viewers in health.history],
    )


def finding_answer(finding: HealthFinding) -> FindingAnswer:
    return FindingAnswer(code=finding.code, severity=finding.severity, message=finding.message, advice=finding.advice)


def _video(facts: VideoFacts) -> VideoAnswer:
    return VideoAnswer(
        codec=facts.codec,
        profile=facts.profile,
        level=facts.level,
        width=facts.width,
        height=facts.height,
        fps=_rounded(facts.fps),
        bitrate_kbps=facts.bitrate_kbps,
        keyframe_interval_seconds=_rounded(facts.keyframe_interval),
        b_frames=facts.b_frames,
    )


def _audio(facts: AudioFacts) -> AudioAnswer:
    return AudioAnswer(
        codec=facts.codec,
        profile=facts.profile,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        bitrate_kbps=facts.bitrate_kbps,
    )


def _point(point: HealthPoint, viewers: int | None) -> HistoryPoint:
    return HistoryPoint(
        at=point.at,
        video_kbps=point.video_kbps,
        audio_kbps=point.audio_kbps,
        fps=round(point.fps, 2),
        viewer_count=viewers,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
