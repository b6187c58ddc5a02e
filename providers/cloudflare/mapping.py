"""Conversion between Cloudflare's JSON and the port's types, tolerant of every shape seen. Pure.

Values that Cloudflare has no member for (the slate, `latency_mode` reduced, the request's id) are kept in the input's `meta`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.base import (
    InputOptions,
    InputRequest,
    InputUid,
    LatencyMode,
    LiveInput,
    OptionRefused,
    Playback,
    ProviderUnavailable,
    Recording,
)

Shape = Mapping[str, Any]

CONNECTED = frozenset({"connected", "reconnected"})
DISCONNECTED = frozenset(
    {"disconnected", "reconnecting", "client_disconnect", "ttl_exceeded", "failed_to_connect", "failed_to_reconnect"}
)
NO_VIDEO = (None, "", "unknown")
"""What `videoUID` says when there is none: "unknown" comes with live:true on idle inputs."""

LARGEST = 1e15
"""Bytes or seconds; more is no measure of a recording."""

_UID = re.compile(r"[A-Za-z0-9]{1,32}")
_FRACTION = re.compile(r"\.(\d+)")


@dataclass(frozen=True, slots=True)
class Connection:
    """The encoder as the API describes it. `connected` is None for an unknown status."""

    connected: bool | None
    since: datetime | None = None
    reason: str | None = None


def is_uid(text: object) -> bool:
    """Return whether it can be a uid; nothing else may be put into a path."""
    return isinstance(text, str) and _UID.fullmatch(text) is not None


def moment(text: object) -> datetime | None:
    """Parse RFC 3339 with any number of fraction digits. Return an aware datetime, or None."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def create_body(request: InputRequest, options: InputOptions) -> dict[str, Any]:
    """Return the body of the create. `recording.mode` must be automatic: off means no playback at all."""
    order = {"name": request.name, "owner": request.owner, "request_id": request.request_id}
    return _body(order, {}, options)


def create_key(request: InputRequest, options: InputOptions) -> str:
    """Return the Idempotency-Key of the create. A key is for one body, so a request with other options has another."""
    if options == request.options:
        return request.request_id
    return f"{request.request_id}-{options.reconnect_timeout}-{options.latency_mode}"


def update_body(current: Shape, options: InputOptions) -> dict[str, Any]:
    """Return the body of the update, with all of `recording` and `meta`: whether parts are merged is not documented."""
    return _body(_part(current, "meta"), _part(current, "recording"), options)


def _body(meta: Shape, recording: Shape, options: InputOptions) -> dict[str, Any]:
    return {
        "meta": {
            **meta,
            "slate_image_url": options.slate_image_url,
            "latency_mode": options.latency_mode.value,
            "reconnect_timeout": options.reconnect_timeout,
        },
        "preferLowLatency": options.latency_mode is LatencyMode.LOW,
        "recording": {
            "requireSignedURLs": False,
            "allowedOrigins": None,
            "hideLiveViewerCount": False,
            **recording,
            "mode": "automatic",
            "timeoutSeconds": options.reconnect_timeout,
        },
    }


def read_back(wanted: InputOptions, shape: Shape) -> None:
    """Raise OptionRefused when the echo shows that a setting was dropped, which comes with a 200."""
    recording = _part(shape, "recording")
    # 0 means Cloudflare's own default and need not come back.
    if wanted.reconnect_timeout and recording.get("timeoutSeconds") != wanted.reconnect_timeout:
        raise OptionRefused("reconnect_timeout", f"Cloudflare did not accept {wanted.reconnect_timeout} seconds")
    if shape.get("preferLowLatency", True) is not True and wanted.latency_mode is LatencyMode.LOW:
        raise OptionRefused("latency_mode", "Cloudflare did not accept low latency")


def refused_option(message: str) -> OptionRefused | None:
    """Return the option that Cloudflare's 400 names, if any."""
    for member, option in (("timeoutSeconds", "reconnect_timeout"), ("preferLowLatency", "latency_mode")):
        if member in message:
            return OptionRefused(option, f"Cloudflare refused it: {message}")
    return None


def is_unsettled(shape: Shape) -> bool:
    """Return whether its requested reconnect timeout was not accepted."""
    asked = _part(shape, "meta").get("reconnect_timeout")
    return isinstance(asked, int) and asked != options(shape).reconnect_timeout


def options(shape: Shape) -> InputOptions:
    """Return the three effective options: from Cloudflare's members, the rest from `meta`."""
    meta, seconds = _part(shape, "meta"), _part(shape, "recording").get("timeoutSeconds")
    mode = meta.get("latency_mode")
    if shape.get("preferLowLatency") is True:
        mode = LatencyMode.LOW.value
    slate = meta.get("slate_image_url")
    return InputOptions(
        slate_image_url=slate if isinstance(slate, str) else None,
        reconnect_timeout=seconds if isinstance(seconds, int) else 0,
        latency_mode=LatencyMode(mode) if mode in list(LatencyMode) else LatencyMode.STANDARD,
    )


def live_input(shape: object, playback_base: str) -> LiveInput:
    """Return the live input. Raise ProviderUnavailable when it is no live input with credentials."""
    known = shape if isinstance(shape, Mapping) else {}
    rtmps, created = _part(known, "rtmps"), moment(known.get("created"))
    url, key, uid = rtmps.get("url"), rtmps.get("streamKey"), known.get("uid")
    if not (is_uid(uid) and isinstance(url, str) and isinstance(key, str) and key and created is not None):
        raise ProviderUnavailable("Cloudflare answered with something that is not a live input")
    return LiveInput(
        uid=InputUid(str(uid)),
        rtmps_url=url,
        stream_key=key,
        playback=playback(str(uid), playback_base),
        options=options(known),
        created=created,
        enabled=known.get("enabled") is not False,
    )


def listed(result: object) -> list[Shape]:
    """Return the inputs of either list shape."""
    items = result.get("liveInputs") if isinstance(result, Mapping) else result
    return [each for each in items if isinstance(each, Mapping)] if isinstance(items, list) else []


def request_id(shape: Shape) -> object:
    """Return the id of the request that created the input, if it is one of ours."""
    return _part(shape, "meta").get("request_id")


def customer_url(shape: object) -> str | None:
    """Return the delivery host from any address of an input or a video."""
    known = shape if isinstance(shape, Mapping) else {}
    hls, webrtc = _part(known, "playback").get("hls"), _part(known, "webRTC").get("url")
    for url, parts in ((hls, 3), (webrtc, 3)):
        if isinstance(url, str) and url.startswith(("https://", "http://")) and url.count("/") > 4:
            return url.rsplit("/", parts)[0]
    return None


def playback(uid: str, base: str) -> Playback:
    """Return the addresses of an input or a video on the delivery host `base`."""
    return Playback.under(f"{base}/{uid}")


def connection(status: object) -> Connection:
    """Parse `status` of a live input: null before the first connection, then an object, or a word as documented."""
    if status is None:
        return Connection(False)
    if isinstance(status, str):
        return Connection(_connected(status), reason=status)
    current = _part(status, "current") if isinstance(status, Mapping) else {}
    if not current:
        return Connection(False)
    connected, reason = _connected(current.get("state")), current.get("reason")
    return Connection(
        connected,
        moment(current.get("statusEnteredAt")),
        reason if isinstance(reason, str) and not connected else None,
    )


def live_video(lifecycle: object) -> str | None:
    """Return the uid of the video that the input's uid plays now, or None."""
    known = lifecycle if isinstance(lifecycle, Mapping) else {}
    uid = known.get("videoUID")
    return str(uid) if known.get("live") is True and uid not in NO_VIDEO and is_uid(uid) else None


def is_ready(shape: Shape) -> bool:
    """Return whether a video can be watched as a recording; the lists mix all states."""
    return _part(shape, "status").get("state") == "ready"


def recording(shape: Shape, playback_base: str) -> Recording | None:
    """Return a ready recording of a live input; None for every other video. Placeholders (-1, 0) become None."""
    uid, input_uid, created = shape.get("uid"), shape.get("liveInput"), moment(shape.get("created"))
    if not (is_ready(shape) and is_uid(uid) and is_uid(input_uid) and created is not None):
        return None
    name, size = _part(shape, "meta").get("name"), _part(shape, "input")
    return Recording(
        uid=str(uid),
        input_uid=InputUid(str(input_uid)),
        name=name if isinstance(name, str) else "",
        created=created,
        modified=moment(shape.get("modified")) or created,
        size=_whole(shape.get("size")),
        duration=_known(shape.get("duration")),
        width=_whole(size.get("width")),
        height=_whole(size.get("height")),
        playback=playback(str(uid), playback_base),
    )


def _connected(word: object) -> bool | None:
    if not isinstance(word, str) or word not in CONNECTED | DISCONNECTED:
        return None
    return word in CONNECTED


def _part(shape: Shape, name: str) -> Shape:
    part = shape.get(name)
    return part if isinstance(part, Mapping) else {}


def _known(number: object) -> float | None:
    """Return a number above 0, else None. Python's JSON parser also accepts infinity and NaN."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return float(number) if 0 < number < LARGEST else None


def _whole(number: object) -> int | None:
    known = _known(number)
    return None if known is None else int(known)
