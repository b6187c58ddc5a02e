"""The provider port: what the service asks of whoever carries a live stream.

A provider makes live inputs (an address and a stream key an encoder pushes to), knows the state of each, and keeps the
recordings. The local ingest, Cloudflare Stream and the in-memory twin implement it; one contract suite
(`tests/contract/test_provider.py`) runs on all of them. Nothing here knows about channels, HTTP or a database.

Errors::

    ProviderError
    ├── InputNotFound         no such live input (never made, or deleted)
    ├── InputGone             the input made for this request id was deleted: ask again with a new request id
    ├── RecordingNotFound     no such recording
    ├── OptionRefused         the provider does not take this option (carries the option's name)
    └── ProviderUnavailable   the provider did not answer in time (carries retry_after, seconds)
        └── ProviderBusy      it was not asked: its limit on requests is used up for now
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from providers.health import InputHealth, RecordingState

if TYPE_CHECKING:
    from aiohttp.web import AbstractRouteDef

DEFAULT_RECONNECT_TIMEOUT = 60
"""Seconds a broadcast waits for its encoder to come back before it ends. OBS tries again until 45 s after a drop."""

MAX_RECONNECT_TIMEOUT = 1800
"""The longest reconnect window, in seconds, a live input may ask for."""

MAX_KEY_OVERLAP = 86_400
"""The longest time, in seconds, a rotated stream key may go on working beside the new one."""

MAX_PAGE = 100
"""The most recordings one `recordings` call returns."""


class ProviderError(Exception):
    """Anything a provider could not do."""


class InputNotFound(ProviderError):
    """No live input has this uid."""


class InputGone(ProviderError):
    """The live input made for this request id was deleted since; a new request id makes a new one."""


class RecordingNotFound(ProviderError):
    """No recording has this uid."""


class OptionRefused(ProviderError):
    """The provider does not accept an option's value."""

    def __init__(self, option: str, rule: str) -> None:
        super().__init__(f"{option}: {rule}")
        self.option = option
        self.rule = rule


class ProviderUnavailable(ProviderError):
    """The provider did not answer; trying again after `retry_after` seconds is sensible."""

    def __init__(self, reason: str, *, retry_after: float = 5.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ProviderBusy(ProviderUnavailable):
    """The provider limits our requests, and this one has to wait. The text is a sentence for API users.

    `above_share`: there is room left, for organizations that have used less of it than the one that asks (`acting_for`).
    `blocked`: it is the provider that refuses every request for now.
    """

    def __init__(self, sentence: str, *, retry_after: float, above_share: bool = False, blocked: bool = False) -> None:
        super().__init__(sentence, retry_after=retry_after)
        self.above_share = above_share
        self.blocked = blocked


acting_for: ContextVar[str | None] = ContextVar("acting_for", default=None)
"""The organization on whose behalf the provider is called, for a provider that divides a limited supply. None: the service."""


class LatencyMode(StrEnum):
    """How the stream is cut: segments of about 2 s, one per keyframe, or LL-HLS parts."""

    STANDARD = "standard"
    REDUCED = "reduced"
    LOW = "low"


class Phase(StrEnum):
    """Where a live input stands, as `stream_status` tells it."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    STARTING = "starting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


ON_AIR = frozenset({Phase.CONNECTING, Phase.STARTING, Phase.LIVE, Phase.RECONNECTING})
"""Phases in which there is a broadcast; in the others the input is at rest."""


class EventKind(StrEnum):
    """What can happen to a live input."""

    CONNECTED = "connected"
    WATCHABLE = "watchable"
    LOST = "lost"
    ENDED = "ended"
    RECORDING_READY = "recording_ready"


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What the owner of a live input may choose."""

    slate_image_url: str | None = None
    reconnect_timeout: int = DEFAULT_RECONNECT_TIMEOUT
    latency_mode: LatencyMode = LatencyMode.STANDARD

    def changed_from(self, before: InputOptions) -> frozenset[str]:
        """The names of the options that differ."""
        return frozenset(each.name for each in fields(self) if getattr(self, each.name) != getattr(before, each.name))


@dataclass(frozen=True, slots=True)
class InputRequest:
    """An order for a live input.

    `request_id` (32 lower-case hex digits) names the order itself: asking twice with the same one gives the same input.
    `owner` is the caller's own reference (it is stored with the input, so that orphans can be told apart), `name` is for people.
    `insisted` names the options somebody chose; the others are wishes, and a provider that declines one takes the nearest it has.
    """

    request_id: str
    owner: str
    name: str
    options: InputOptions = InputOptions()
    insisted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Playback:
    """Where players find a live input or a recording. Absolute URLs."""

    hls: str
    dash: str
    thumbnail: str

    @classmethod
    def under(cls, base: str) -> Playback:
        """Below the address of an input or a recording, as Cloudflare has them."""
        return cls(f"{base}/manifest/video.m3u8", f"{base}/manifest/video.mpd", f"{base}/thumbnails/thumbnail.jpg")


@dataclass(frozen=True, slots=True)
class LiveInput:
    """A live input as its owner may see it. `options` are those that hold, also where others were wished for.

    `stream_key` is a secret: never logged, listed or put in an error. `as_of` is set when the provider cannot be reached and this
    is its last good answer: the moment of that answer. `recording` as in `InputHealth`; it comes and goes while the input stays.
    """

    uid: str
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
    """What is known of a live input at the moment `as_of`.

    `seconds_until_watchable` is meant while `phase` is connecting or starting: an estimate in seconds that never reaches 0
    before `is_watchable` does. `since` is when the phase was entered. `degraded` says that the provider could not be reached
    and this is its last good answer. `reason` is one machine-readable word, or None. `tracks` names what the live manifests
    offer: "audio+video", "video", "audio", or None where nothing can be played or the provider does not know. A player that loaded
    them under another value has to load them again. `recording` as in `InputHealth`.
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


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished broadcast that can be watched. `size` in bytes, `duration` in seconds; None where the provider does not know.

    `as_of` as in `LiveInput`.
    """

    uid: str
    input_uid: str
    name: str
    created: datetime
    modified: datetime
    size: int | None
    duration: float | None
    width: int | None
    height: int | None
    playback: Playback
    as_of: datetime | None = None


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
    """Something happened to a live input. A wake-up: read the state for the truth."""

    kind: EventKind
    input_uid: str
    at: datetime
    recording_uid: str | None = None


EventListener = Callable[[ProviderEvent], None]


class Spawn(Protocol):
    """Starts a background task that is named, owned and watched: if it dies, the service says so and stops.

    The service hands it to its providers (`service.concurrency.tasks.Tasks.spawn`). The owner cancels what it started
    when it closes.
    """

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]: ...


class MetricKind(StrEnum):
    """How the value of a metric moves."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class ProviderMetric:
    """A metric of the provider, as Prometheus exposes it. `samples` maps the value of `label` to the metric's value.

    A metric without a label has one sample, under "".
    """

    name: str
    help: str
    kind: MetricKind
    samples: Mapping[str, float]
    label: str = ""


class Provider(Protocol):
    """Whoever carries live streams. Every method may raise `ProviderUnavailable`; none blocks the event loop."""

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
        """Take up work: listen, recover what a crash left. Called once."""

    async def aclose(self) -> None:
        """Stop within `STOP_TIMEOUT` of the implementation; safe to call twice."""

    async def check(self) -> None:
        """Return when the provider can serve; raise `ProviderUnavailable` with the reason when not (readiness)."""

    def listen(self, listener: EventListener) -> None:
        """Call `listener` on every event from now on. It must return at once and not raise."""

    def routes(self) -> Sequence[AbstractRouteDef]:
        """Return the HTTP routes that the provider serves at the root of the server: playback, webhooks. No routes: empty."""

    def metrics(self) -> Sequence[ProviderMetric]:
        """Return the provider's metrics with their values now. Works before `start` and raises nothing."""

    def playback(self, uid: str) -> Playback:
        """Playback addresses for an input uid (live) or a recording uid. Does not check that it exists."""

    async def ensure_input(self, request: InputRequest) -> LiveInput:
        """The live input made for `request.request_id`; makes it if there is none.

        Idempotent across processes and crashes. On an existing input the options of the request are not applied.
        Errors: InputGone, OptionRefused (of an option insisted on, or of a value out of the port's range).
        """

    async def get_input(self, uid: str) -> LiveInput:
        """A provider on another host may answer from a cache, for about a minute, and longer while it is unavailable (`as_of`).

        Errors: InputNotFound.
        """

    async def update_input(self, uid: str, options: InputOptions) -> LiveInput:
        """Store the options (all three) and return the input as it is now. What differs from what holds is insisted on.

        Errors: InputNotFound, OptionRefused; nothing is changed then.
        """

    async def set_enabled(self, uid: str, enabled: bool) -> LiveInput:
        """Let encoders publish, or stop them: a running broadcast is ended and its encoder told why. Errors: InputNotFound."""

    async def rotate_key(self, uid: str, overlap: int = 0) -> LiveInput:
        """Give the input a new stream key. The old one works for `overlap` seconds more (0..MAX_KEY_OVERLAP; any older one stops at
        once); then its encoder is sent away and told why, and the broadcast waits as after a drop.

        Errors: InputNotFound, OptionRefused ("overlap") where the provider cannot keep two keys.
        """

    async def delete_input(self, uid: str) -> None:
        """End what runs and forget the input; its recordings stay. Errors: InputNotFound."""

    async def state(self, uid: str) -> InputState:
        """Errors: InputNotFound."""

    def on_air(self) -> Mapping[str, Phase] | None:
        """Every input that is in a phase of `ON_AIR`, by uid: what `state` says of it now, without waiting for anything.

        None where the provider can only be asked for one input at a time. One that carries broadcasts in its own process knows
        those alone, here as in `state`: of another process' broadcasts it says that they are at rest.
        """

    async def health(self, uid: str) -> InputHealth:
        """What comes in on the input, as far as the provider measures it. Errors: InputNotFound."""

    async def recordings(
        self, input_uid: str, *, after: RecordingPosition | None = None, limit: int = 25
    ) -> RecordingList:
        """Finished recordings of an input, newest first (created, then uid), at most `limit` (1..MAX_PAGE) after `after`.

        Works for a deleted input, too; an unknown one has none.
        """

    async def recording(self, uid: str) -> Recording:
        """Errors: RecordingNotFound."""
