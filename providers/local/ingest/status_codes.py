"""The RTMP status code for each refusal (RTMP specification 1.0, §7.2.2; the codes are those of Adobe's servers).

OBS shows the description, not the code. librtmp and ffmpeg act on neither and log both.
"""

from __future__ import annotations

from providers.local.ports.refusals import Refusal

BAD_NAME = "NetStream.Publish.BadName"
DENIED = "NetStream.Publish.Denied"
PUBLISH_FAILED = "NetStream.Publish.Failed"
STREAM_FAILED = "NetStream.Failed"

STATUS_CODES = {
    Refusal.UNKNOWN_KEY: BAD_NAME,
    Refusal.MISSING_KEY: BAD_NAME,
    Refusal.UNKNOWN_APP: "NetConnection.Connect.InvalidApp",
    Refusal.KEY_CHANGED: DENIED,
    Refusal.KEY_IN_USE: BAD_NAME,
    Refusal.KEY_CHECK_TIMEOUT: PUBLISH_FAILED,
    Refusal.KEY_CHECK_FAILED: PUBLISH_FAILED,
    Refusal.INPUT_DISABLED: DENIED,
    Refusal.INPUT_DELETED: DENIED,
    Refusal.TAKEN_OVER: BAD_NAME,
    Refusal.RECONNECT_TIMEOUT: "NetConnection.Connect.Closed",
    Refusal.SERVER_FULL: DENIED,
    Refusal.ADDRESS_FULL: DENIED,
    Refusal.MOVED: BAD_NAME,
    Refusal.NODE_CUT_OFF: "NetConnection.Connect.AppShutdown",
    Refusal.SERVER_STOPPING: "NetConnection.Connect.AppShutdown",
    Refusal.NO_TRANSCODE_SLOT: DENIED,
    Refusal.DISK_NEARLY_FULL: DENIED,
    Refusal.DISK_FULL: STREAM_FAILED,
    Refusal.STORAGE_FAILED: STREAM_FAILED,
    Refusal.BROADCAST_FAILED: STREAM_FAILED,
    Refusal.MEDIA_FAILED: PUBLISH_FAILED,
    Refusal.UNSUPPORTED_CODEC: DENIED,
    Refusal.BITRATE_TOO_HIGH: DENIED,
}
