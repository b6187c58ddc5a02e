"""The provider port: what the service needs from the system that carries live streams.

A provider makes live inputs (an address and a stream key an encoder pushes to), knows the state of each, and keeps the
recordings. The local ingest, Cloudflare Stream and the in-memory twin implement it; one contract suite
(`tests/contract/test_provider.py`) runs on all of them. Nothing here knows about channels, HTTP or a database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NewType, Protocol

from providers.errors import InputGone as InputGone
from providers.errors import InputNotFound as InputNotFound
from providers.errors import OptionRefused as OptionRefused
from providers.errors import ProviderBusy as ProviderBusy
from providers.errors import ProviderError as ProviderError
from providers.errors import ProviderUnavailable as ProviderUnavailable
from providers.errors import RecordingNotFound as RecordingNotFound
from providers.health import InputHealth, RecordingState
from providers.metrics import ProviderMetric
from providers.options import DEFAULT_RECONNECT_TIMEOUT as DEFAULT_RECONNECT_TIMEOUT
from providers.options import MAX_KEY_OVERLAP as MAX_KEY_OVERLAP
from providers.options import MAX_RECONNECT_TIMEOUT as MAX_RECONNECT_TIMEOUT
from providers.options import InputOptions as InputOptions
from providers.options import InputRequest as InputRequest
from providers.options import LatencyMode as LatencyMode

if TYPE_CHECKING:
    from aiohttp.web import AbstractRouteDef

InputUid = NewType("InputUid", str)
"""Identifies a live input: what `ensure_input` returns, the store keeps, playback addresses and viewer windows are named after."""

MAX_PAGE = 100
"""The most recordings one `recordings` call returns."""

acting_for: ContextVar[str | None] = ContextVar("acting_for", default=None)
"""The organization on whose behalf the provider is called, for a provider that divides a limited supply. None: the service."""


class Phase(StrEnum):
    """The phase of a live input, as `stream_status` returns it."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    STARTING = "starting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


ON_AIR = frozenset({Phase.CONNECTING, Phase.STARTING, Phase.LIVE, Phase.RECONNECTING})
"""Phases in which there is a broadcast; in the others the input is at rest."""


class EventKind(StrEnum):
    """The events of a live input."""

    CONNECTED = "connected"
    WATCHABLE = "watchable"
    LOST = "lost"
    ENDED = "ended"
    RECORDING_READY = "recording_ready"
    REFUSED = "refused"
    """An encoder was refused for what it sends. `InputHealth.refusal` says why. Not all providers know."""


@dataclass(frozen=True, slots=True)
class Playback:
    """The absolute URLs of a live input or a recording, for players."""

    hls: str
    dash: str
    thumbnail: str

    @classmethod
    def under(cls, base: str) -> Playback:
        """Below the address of an input or a recording, as Cloudflare has them."""
        return cls(f"{base}/manifest/video.m3u8", f"{base}/manifest/video.mpd", f"{base}/thumbnails/thumbnail.jpg")


@dataclass(frozen=True, slots=True)
class LiveInput:
    """A live input as its owner may see it. `options` are the effective ones, even where others were requested.

    `stream_key` is a secret: never logged, listed or put in an error. `as_of` is set when the provider cannot be reached and this
    is its last good answer: the moment of that answer. `recording` as in `InputHealth`; it comes and goes while the input stays.
    """

    uid: InputUid
    rtmps_url: str
    stream_key: str = field(repr=False)
    playback: Playback
    options: InputOptions
    created: datetime
    enabled: bool = True
    rtmp_url: str | None = None
    as_of: datetime | None = None
    recording: RecordingState | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class InputState:
    """The state of a live input at the moment `as_of`.

    `seconds_until_watchable` is for the phases connecting and starting: an estimate that never reaches 0 before `is_watchable` is
    true. `since` is when the phase was entered, `watchable_since` when this broadcast could first be played (None if the provider
    does not know). `degraded` says that the provider could not be reached and this is its last good answer. `reason` is one
    machine-readable word, or None. `tracks` names what the live manifests offer: "audio+video", "video", "audio", or None where
    nothing can be played or the provider does not know. A player that loaded them under another value has to load them again.
    `recording` as in `InputHealth`.
    """

    phase: Phase
    is_connected: bool
    is_watchable: bool
    seconds_until_watchable: float
    as_of: datetime
    since: datetime | None = None
    reason: str | None = None
    degraded: bool = False
    tracks: str | None = None
    recording: RecordingState | None = None
    watchable_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished broadcast that can be watched. `size` in bytes, `duration` in seconds; None where the provider does not know.

    `as_of` as in `LiveInput`.
    """

    uid: str
    input_uid: InputUid
    name: str
    created: datetime
    modified: datetime
    size: int | None
    duration: float | None
    width: int | None
    height: int | None
    playback: Playback
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording as far as its storage is concerned. `size` in bytes. `is_watched`: a player requested it a short time ago."""

    uid: str
    input_uid: InputUid
    created: datetime
    size: int
    is_watched: bool


class RecordingList(list[Recording]):
    """Recordings in the order of the provider. `as_of` as in `LiveInput`; an empty list may be out of date, too."""

    def __init__(self, recordings: Iterable[Recording] = (), as_of: datetime | None = None) -> None:
        super().__init__(recordings)
        self.as_of = as_of


@dataclass(frozen=True, slots=True)
class RecordingPosition:
    """A place in an input's recordings (newest first): just after the recording with these two values."""

    created: datetime
    uid: str


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A wake-up: read the state for the current values. `elsewhere`: another node carries the broadcast, and reports it too."""

    kind: EventKind
    input_uid: InputUid
    at: datetime
    recording_uid: str | None = None
    elsewhere: bool = False


EventListener = Callable[[ProviderEvent], None]


class Spawn(Protocol):
    """Starts a background task that is named, owned and watched: if it dies, the service says so and stops.

    The service hands it to providers (`service.concurrency.tasks.Tasks.spawn`). The owner cancels what it started when it closes.
    """

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]: ...


class Provider(Protocol):
    """A system that carries live streams. Every method may raise `ProviderUnavailable`; none blocks the event loop."""

    @property
    def name(self) -> str:
        """The name it is configured by: local, cloudflare, memory."""

    @property
    def accepts_encoders(self) -> bool:
        """Whether encoders connect to this process. If so, `start` runs before the HTTP server listens, else after it."""

    @property
    def rtmps_url(self) -> str:
        """The address encoders push to; the same for every live input."""

    async def start(self) -> None:
        """Start: listen, and recover what a crash left. Called once."""

    async def aclose(self) -> None:
        """Stop within `STOP_TIMEOUT` of the implementation; safe to call twice."""

    async def check(self) -> None:
        """Return when the provider can serve; raise `ProviderUnavailable` with the reason when not (readiness)."""

    def listen(self, listener: EventListener) -> None:
        """Call a listener on every event from now on.

        Args:
            listener: Must return at once and must not raise.
        """

    def routes(self) -> Sequence[AbstractRouteDef]:
        """Return the HTTP routes that the provider serves at the root of the server: playback, webhooks. No routes: empty."""

    def metrics(self) -> Sequence[ProviderMetric]:
        """Return the provider's metrics with their values now. Works before `start` and raises nothing."""

    def playback(self, uid: str) -> Playback:
        """Return the playback addresses. Does not check that the input or recording exists.

        Args:
            uid: The uid of an input (for its live stream) or of a recording.
        """

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        """Return the live input made for `request.request_id`; make it if there is none.

        Idempotent across processes and crashes. On an existing input the options of the request are not applied.

        Args:
            request: The options, and the id that identifies the request.

        Returns:
            The live input with its effective options.

        Raises:
            InputGone: The input made for this id has been deleted.
            OptionRefused: An insisted option is not supported, or a value is out of the port's range.
        """

    async def get_input(self, uid: InputUid) -> LiveInput:
        """Return a live input.

        A provider on another host may answer from a cache, for about a minute, and longer while it is unavailable (`as_of`).

        Args:
            uid: The uid of the input.

        Returns:
            The live input with its effective options.

        Raises:
            InputNotFound: No live input has this uid.
        """

    async def update_input(self, uid: InputUid, options: InputOptions) -> LiveInput:
        """Store the options.

        Args:
            uid: The uid of the input.
            options: All three options. Those that differ from the effective ones are insisted on.

        Returns:
            The live input as it is now.

        Raises:
            InputNotFound: No live input has this uid.
            OptionRefused: An option is not supported; nothing has been changed.
        """

    async def set_enabled(self, uid: InputUid, enabled: bool) -> LiveInput:
        """Allow or forbid publishing.

        Args:
            uid: The uid of the input.
            enabled: False ends a running broadcast and sends its encoder the reason.

        Returns:
            The live input as it is now.

        Raises:
            InputNotFound: No live input has this uid.
        """

    async def rotate_key(self, uid: InputUid, overlap: int = 0) -> LiveInput:
        """Give the input a new stream key.

        Args:
            uid: The uid of the input.
            overlap: Seconds that the present key still works (0 to MAX_KEY_OVERLAP). An older key stops at once. When a key stops,
                its encoder is disconnected with the reason, and the broadcast waits as after a drop.

        Returns:
            The live input with its new key.

        Raises:
            InputNotFound: No live input has this uid.
            OptionRefused: For "overlap", when the provider cannot keep two keys.
        """

    async def delete_input(self, uid: InputUid) -> None:
        """End a running broadcast and delete the input. Its recordings stay.

        Args:
            uid: The uid of the input.

        Raises:
            InputNotFound: No live input has this uid.
        """

    async def state(self, uid: InputUid) -> InputState:
        """Return the state of a live input.

        Args:
            uid: The uid of the input.

        Raises:
            InputNotFound: No live input has this uid.
        """

    def on_air(self) -> Mapping[InputUid, Phase] | None:
        """Return the phases of all inputs that are on air, here or at another node, without waiting.

        Returns:
            The phase of each input in a phase of `ON_AIR`, by uid. None where the provider can only be asked for one at a time.
        """

    def is_elsewhere(self, uid: InputUid) -> bool:
        """Return whether another node carries the input's broadcast now, and writes what happens to it."""

    async def health(self, uid: InputUid) -> InputHealth:
        """Return what arrives on the input, as far as the provider measures it.

        Args:
            uid: The uid of the input.

        Raises:
            InputNotFound: No live input has this uid.
        """

    async def recordings(
        self, input_uid: InputUid, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> RecordingList:
        """Return finished recordings of an input, newest first (by created, then uid).

        Args:
            input_uid: The uid of an input. A deleted one keeps its recordings; an unknown one has none.
            after: The position to continue from; None for the newest.
            limit: The most recordings to return (1 to MAX_PAGE).
        """

    async def recording(self, uid: str) -> Recording:
        """Return a finished recording.

        Args:
            uid: The uid of the recording, not of its input.

        Returns:
            The recording, its size in bytes and its duration in seconds.

        Raises:
            RecordingNotFound: No recording has this uid.
        """

    def kept_recordings(self) -> Iterable[KeptRecording] | None:
        """Return all recordings, in any order, without waiting. None where they can only be asked for by input."""

    async def delete_recording(self, uid: str) -> None:
        """Delete a finished recording permanently, and free the space of its media.

        Players that play it get no more of it from then on, except for what caches keep.

        Args:
            uid: The uid of the recording, not of its input.

        Raises:
            RecordingNotFound: No recording has this uid.
        """
