"""Examples of streams and recordings, for clients of the API and for players."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.api import (
    conference,
    health,
    public_player,
    public_schemas,
    recordings,
    stream_control,
    stream_health,
    stream_sessions,
)
from service.api.example_values import (
    BEGAN,
    CHANNEL,
    CREATED,
    ENDED,
    HOST,
    INPUT,
    RECORDING,
    RECORDING_ANSWER,
    SAID,
    SESSION,
    SLATE,
    STATUS,
    page,
)

STREAM_EXAMPLES: dict[type[BaseModel], Any] = {
    conference.StreamBody: {"slate_image_url": SLATE, "reconnect_timeout": 60, "latency_mode": "low"},
    conference.StreamAnswer: {
        "rtmps_url": "rtmps://live.example.com:1936/live",
        "rtmp_url": None,
        "view_url": f"{HOST}/{INPUT}/manifest/video.m3u8",
        "stream_key": "an-example-key-and-no-secret",
        "stream_uid": INPUT,
        "slate_image_url": SLATE,
        "reconnect_timeout": 60,
        "latency_mode": "low",
        "enabled": True,
        "recording": "on",
    },
    conference.ListedStreamPage: page(
        {
            "channel": CHANNEL,
            "channel_name": "Town hall",
            "created": CREATED,
            "uid": INPUT,
            "rtmps_url": "rtmps://live.example.com:1936/live",
            "view_url": f"{HOST}/{INPUT}/manifest/video.m3u8",
            "thumbnail": f"{HOST}/{INPUT}/thumbnails/thumbnail.jpg",
            "state": "live",
            "viewer_count": 128,
        }
    ),
    recordings.RecordingChanges: {"name": "Town hall in November", "thumbnail_time": 95.5, "is_pinned": True},
    recordings.RecordingAnswer: RECORDING_ANSWER,
    recordings.RecordingPage: page(RECORDING_ANSWER),
    stream_control.RotationBody: {"overlap": 600},
    stream_health.StreamHealthAnswer: {
        "measured": True,
        "connected": True,
        "measured_at": SAID,
        "encoder": "obs-output module (libobs version 29.0.2)",
        "video": {
            "codec": "H.264",
            "profile": "High",
            "level": "3.1",
            "width": 1280,
            "height": 720,
            "fps": 30.0,
            "bitrate_kbps": 2480,
            "keyframe_interval_seconds": 8.33,
            "b_frames": True,
        },
        "audio": {"codec": "AAC", "profile": "LC", "sample_rate": 48_000, "channels": 2, "bitrate_kbps": 160},
        "findings": [
            {
                "code": "keyframes_rare",
                "severity": "warning",
                "message": "Keyframes come every 8.3 s; viewers wait that long to join.",
                "advice": "OBS: Settings → Output → Output Mode: Advanced → Streaming → Keyframe Interval: 2 s.",
            }
        ],
        "history": [{"at": SAID, "video_kbps": 2480, "audio_kbps": 160, "fps": 30.0, "viewer_count": 128}],
    },
    stream_sessions.SessionBody: {"action": "start"},
    stream_sessions.SessionAnswer: {"stream_session_id": SESSION},
    stream_sessions.ListedSessionPage: page(
        {"id": SESSION, "started_at": BEGAN, "stopped_at": ENDED, "peak_viewers": 214, "unique_viewers": 590}
    ),
}

PLAYER_EXAMPLES: dict[type[BaseModel], Any] = {
    public_schemas.StreamStatus: STATUS,
    public_schemas.StreamViewerCount: {"viewer_count": 128},
    public_schemas.EventStream: (
        'retry: 2481\n\nid: 5c1f0a9e3b7d2468\nevent: status\ndata: {"is_connected":true,"is_watchable":true,'
        '"seconds_until_watchable":0,"state":"live","reason":null,"poll_after_ms":5000,"viewer_count":128,"tracks":"audio+video","recording":"on"}\n\n'
    ),
    public_player.StreamPlayer: {
        "name": "Town hall",
        "view_url": f"{HOST}/{INPUT}/manifest/video.m3u8",
        "dash_url": f"{HOST}/{INPUT}/manifest/video.mpd",
        "thumbnail": f"{HOST}/{INPUT}/thumbnails/thumbnail.jpg",
        "slate_image_url": SLATE,
        "recording": {
            "uid": RECORDING,
            "created": BEGAN,
            "duration": 3758.4,
            "hls": f"{HOST}/{RECORDING}/manifest/video.m3u8",
            "dash": f"{HOST}/{RECORDING}/manifest/video.mpd",
            "thumbnail": f"{HOST}/{RECORDING}/thumbnails/thumbnail.jpg",
        },
    },
    health.Alive: {"status": "ok"},
    health.Ready: {"status": "ready", "checks": {"store": "ok", "viewers": "ok", "provider": "ok"}},
}
