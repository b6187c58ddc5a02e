"""Health of a channel's incoming stream, for the streamer: figures, findings, and the last minutes for a graph."""

from __future__ import annotations

from pydantic import Field

from providers.health import AudioFacts, HealthPoint, VideoFacts
from service.api.conference import CONFERENCE, TAG
from service.domain.conversation.channels import Channels
from service.domain.health.rules import Severity
from service.domain.health.stream_health import StreamDiagnostics, StreamHealth
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer


class VideoAnswer(Answer):
    """The picture; null members are not known (yet)."""

    codec: str = Field(description="For people, e.g. H.264.")
    profile: str | None = Field(description="For people, e.g. High.")
    level: str | None = Field(description="E.g. 3.1.")
    width: int | None
    height: int | None
    fps: float | None
    bitrate_kbps: int | None
    keyframe_interval_seconds: float | None
    b_frames: bool | None


class AudioAnswer(Answer):
    """The sound; null members are not known (yet)."""

    codec: str = Field(description="For people, e.g. AAC.")
    profile: str | None = Field(description="For people, e.g. LC.")
    sample_rate: int | None = Field(description="Hz.")
    channels: int | None
    bitrate_kbps: int | None


class FindingAnswer(Answer):
    """Something that could be better, in plain words."""

    code: str = Field(description="For programs; new ones may come.")
    severity: Severity
    message: str = Field(description="What is wrong and what viewers notice.")
    advice: str = Field(description="What to do about it, and where in OBS.")


class HistoryPoint(Answer):
    """What arrived in the two seconds before, per second."""

    at: Moment
    video_kbps: int
    audio_kbps: int
    fps: float
    viewer_count: int | None = Field(description="null where it is not known.")


class StreamHealthAnswer(Answer):
    """Health of the incoming stream."""

    measured: bool = Field(description="false: the provider publishes nothing about incoming streams.")
    connected: bool = Field(description="An encoder sends now; else the figures are of the last one of this broadcast.")
    measured_at: Moment | None = Field(description="null while nothing was measured.")
    encoder: str | None = Field(description="As the encoder calls itself.")
    video: VideoAnswer | None = Field(description="null while there is none.")
    audio: AudioAnswer | None = Field(description="null while there is none.")
    findings: list[FindingAnswer] = Field(description="The worst first.")
    history: list[HistoryPoint] = Field(
        description="One every two seconds for the last five minutes of the broadcast, oldest first."
    )


def operations(channels: Channels, desk: StreamDiagnostics) -> list[Operation]:
    """The operations of this resource."""

    @operation(
        "GET",
        CONFERENCE + "/stream_health",
        answers={200: StreamHealthAnswer},
        tag=TAG,
        summary="Health of the channel's incoming stream",
    )
    async def get_stream_health(call: Call[Nothing, Nothing]) -> Reply:
        """Measured every two seconds where the stream arrives. 404 when nobody has made a live input yet."""
        channel = await channels.visible(call.caller, call.path["channel_id"])
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
        findings=[
            FindingAnswer(code=each.code, severity=each.severity, message=each.message, advice=each.advice)
            for each in health.findings
        ],
        history=[_point(point, viewers) for point, viewers in health.history],
    )


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
