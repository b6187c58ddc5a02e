"""What a live session needs from its surroundings, and what it keeps of its encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from providers.base import EventKind
from providers.health import RecordingState
from providers.local.health.meter import HealthMeter
from providers.local.live.pipeline import Pipeline
from providers.local.ports.refusals import MediaRefused, Refusal


@dataclass(frozen=True, slots=True)
class SessionContext:
    """The callbacks and clocks of a session.

    Attributes:
        new_pipeline: Makes the pipeline for an encoder.
        notify: Reports an event of the live input.
        finished: Called once, when the broadcast is over.
        discard: Drops what is stored of the broadcast so far, which was never watchable.
        refused: Called when an encoder was refused for what it sends.
        runs: Called often with the seconds for which an encoder has sent media.
        clock: Unix time, in seconds.
        monotonic: A steady clock, in seconds.
        tracks: Names the tracks that the live manifests offer.
        recording: The state of the recording.
    """

    new_pipeline: Callable[[], Pipeline]
    notify: Callable[[EventKind], None]
    finished: Callable[[], None]
    discard: Callable[[], None]
    refused: Callable[[MediaRefused], None]
    runs: Callable[[float], None]
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    tracks: Callable[[], str | None]
    recording: Callable[[], RecordingState | None]


@dataclass(slots=True)
class Encoder:
    """The encoder that has the key. `last_media` and `started_at` are in seconds of the monotonic clock."""

    close: Callable[[Refusal], None]
    last_media: float
    pipeline: Pipeline
    meter: HealthMeter
    key_digest: str = field(repr=False)
    refused: bool = False
    """It was refused for what it sends."""
    started_at: float | None = None
    """When the first media that can be packaged arrived; None before that, and again after a freeze."""
