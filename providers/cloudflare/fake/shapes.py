"""The state in Cloudflare's own JSON shapes. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from providers.cloudflare.fake.config import Switches
from providers.cloudflare.fake.state import Input, Output, RecordingOptions, Status, Video

RTMPS_URL = "rtmps://live.cloudflare.com:443/live/"
SRT_URL = "srt://live.cloudflare.com:778"


def timestamp(at: datetime) -> str:
    """Format as RFC 3339 with microseconds and Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def listed_input(live: Input) -> dict[str, Any]:
    """Return a live input as in lists: no status, no credentials."""
    return {
        "uid": live.uid,
        "created": timestamp(live.created),
        "modified": timestamp(live.modified),
        "meta": live.meta,
        "enabled": live.enabled,
        "deleteRecordingAfterDays": live.delete_after_days,
    }


def live_input(live: Input, base: str, switches: Switches) -> dict[str, Any]:
    """Return a whole live input. `base` is the delivery host's address, without a slash at the end."""
    key = live.key
    whole = listed_input(live) | {
        "preferLowLatency": live.low_latency,
        "recording": _recording(live.recording),
        "rtmps": {"url": RTMPS_URL, "streamKey": key(live.secrets.ingest)},
        "rtmpsPlayback": {"url": RTMPS_URL, "streamKey": key(live.secrets.playback)},
        "srt": {"url": SRT_URL, "streamId": live.uid, "passphrase": key(live.secrets.srt)},
        "srtPlayback": {"url": SRT_URL, "streamId": f"play{live.uid}", "passphrase": key(live.secrets.srt_playback)},
        "webRTC": {"url": f"{base}/{key(live.secrets.webrtc)}/webRTC/publish"},
        "webRTCPlayback": {"url": f"{base}/{live.uid}/webRTC/play"},
        "playback": playback(live.uid, base),
        "status": _statuses(live.statuses, switches),
    }
    if live.keys_rotated is not None:
        whole["keysRotatedAt"] = timestamp(live.keys_rotated)
    return {name: value for name, value in whole.items() if name not in switches.omit}


def output(each: Output) -> dict[str, Any]:
    """Return a simulcast output."""
    return {"uid": each.uid, "url": each.url, "streamKey": each.stream_key, "enabled": each.enabled}


def playback(uid: str, base: str) -> dict[str, str]:
    """Return the manifest addresses of an input or a video."""
    return {"hls": f"{base}/{uid}/manifest/video.m3u8", "dash": f"{base}/{uid}/manifest/video.mpd"}


def video(each: Video, base: str) -> dict[str, Any]:
    """Return a video; while it is live it has the same placeholders as the real one."""
    finished = each.state == "ready"
    status: dict[str, Any] = {"state": each.state, "errorReasonCode": "", "errorReasonText": ""}
    if finished:
        status["pctComplete"] = "100.000000"
    if each.state == "error":
        status |= {"errorReasonCode": "ERR_UNKNOWN", "errorReasonText": "The recording could not be processed."}
    return {
        "uid": each.uid,
        "creator": each.creator,
        "thumbnail": f"{base}/{each.uid}/thumbnails/thumbnail.jpg",
        "thumbnailTimestampPct": each.thumbnail_pct,
        "readyToStream": finished,
        "readyToStreamAt": timestamp(each.ready_at) if finished and each.ready_at else None,
        "status": status,
        "meta": each.meta,
        "created": timestamp(each.created),
        "modified": timestamp(each.modified),
        "scheduledDeletion": each.scheduled_deletion,
        "size": int(each.duration * 250_000) if finished else -1,
        "preview": f"{base}/{each.uid}/watch",
        "allowedOrigins": each.allowed_origins,
        "requireSignedURLs": each.require_signed,
        "uploaded": timestamp(each.created),
        "uploadExpiry": None,
        "maxSizeBytes": None,
        "maxDurationSeconds": None,
        "duration": round(each.duration, 3) if finished else -1,
        "input": {"width": 1280, "height": 720} if finished else {"width": -1, "height": -1},
        "playback": playback(each.uid, base),
        "watermark": None,
        "liveInput": each.input_uid,
        "clippedFrom": None,
        "publicDetails": each.public_details,
    }


def _recording(recording: RecordingOptions) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "mode": recording.mode,
        "requireSignedURLs": recording.require_signed,
        "allowedOrigins": recording.allowed_origins,
        "hideLiveViewerCount": recording.hide_viewers,
    }
    if recording.timeout_seconds is not None or recording.timeout_declined:
        shape["timeoutSeconds"] = recording.timeout_seconds
    return shape


def _statuses(statuses: list[Status], switches: Switches) -> Any:
    if not statuses:
        return None
    if switches.status_shape == "string":
        return statuses[0].reason
    current, *history = [_status(each) for each in statuses]
    return {"current": current, "history": history}


def _status(each: Status) -> dict[str, Any]:
    return {
        "ingestProtocol": each.protocol,
        "state": each.state,
        "reason": each.reason,
        "statusEnteredAt": timestamp(each.entered),
        "statusLastSeen": timestamp(each.last_seen),
    }
