"""Examples for the OpenAPI document: one afternoon of one organization, so that ids agree from one operation to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.api import (
    channels,
    conference,
    health,
    joined,
    meetings,
    members,
    message_schemas,
    messagerouter,
    notifications,
    public_player,
    public_schemas,
    recordings,
    stream_control,
    stream_health,
    stream_sessions,
    users,
    visitors,
)

_HOST = "https://live.example.com"
_SOCKET = "wss://live.example.com/api/v5/messagerouter/socket"
_ORGANIZATION = "7f1c2d64-8a3b-4a57-9f0e-2f6a6f0c9b11"
_CHANNEL = "3b9e5c02-6d1f-4c8e-8e57-0f4f8c1d2a90"
_ADA = "c2d4a1b8-51e0-4a3f-9d3b-7b0a5e6f1c22"
_BOB = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d"
_MESSAGE = "5f0c9d3e-2b1a-4c6d-9e8f-7a6b5c4d3e2f"
_SESSION = "e4b1f7a2-93c5-4d60-8b7e-1c2d3e4f5a6b"
_INPUT = "f4a1c93be0d24c5f8a7b6c5d4e3f2a1b"
_RECORDING = "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f"
_VISITOR = "a3f5c7e9b1d24680a3f5c7e9b1d24680"
_SECRET = "4f7c1e9a2b5d8036e1c4f7a9b2d5e803614f7c1e9a2b5d8036"  # noqa: S105 - an example
_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3OTU4NzQ0MDB9.c2lnbmF0dXJl"

_CREATED = "2026-11-20T09:00:00.000000Z"
_BEGAN = "2026-11-28T14:00:03.518402Z"
_SAID = "2026-11-28T14:05:12.079271Z"
_ENDED = "2026-11-28T15:02:41.902113Z"

_SLATE = "https://cdn.example.com/slates/town-hall.png"
_AVATAR = "https://cdn.example.com/avatars/ada.png"
_BODY = {"version": 3, "chunks": [{"type": "text", "text": "We start in five minutes."}]}


def _person(user_id: str, full_name: str, avatar_url: str | None = None) -> dict[str, Any]:
    return {
        "id": user_id,
        "full_name": full_name,
        "organization_id": _ORGANIZATION,
        "avatar_url": avatar_url,
        "is_bot": False,
        "is_online": False,
        "is_present": False,
        "is_deleted": False,
    }


def _page(*results: dict[str, Any]) -> dict[str, Any]:
    return {"next": None, "previous": None, "results": list(results)}


_MESSAGE_ANSWER = {
    "id": _MESSAGE,
    "channel_id": _CHANNEL,
    "organization_id": _ORGANIZATION,
    "sender_id": _ADA,
    "sender": _person(_ADA, "Ada Lovelace", _AVATAR),
    "type": "user",
    "created_at": _SAID,
    "updated_at": _SAID,
    "is_edited": False,
    "body": _BODY,
}
_CHANNEL_ANSWER = {
    "id": _CHANNEL,
    "organization_id": _ORGANIZATION,
    "name": "Town hall",
    "description": "Every Friday at 14:00",
    "avatar_url": None,
    "created_at": _CREATED,
    "updated_at": _CREATED,
    "is_direct_message": False,
    "latest_message": _MESSAGE_ANSWER,
    "latest_message_created_at": _SAID,
    "member_count": 2,
    "is_private": False,
    "is_default_channel": False,
    "is_village": False,
    "is_active": True,
    "type": 2,
}
_SETTINGS_ANSWER = {
    "id": "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
    "channel": _CHANNEL,
    "channel_id": _CHANNEL,
    "user_id": _ADA,
    "organization_id": _ORGANIZATION,
    "created_at": _CREATED,
    "updated_at": _CREATED,
    "mode": "mentions",
}
_JOINED_ANSWER = {
    **_CHANNEL_ANSWER,
    "unread_message_count": 3,
    "unread_mention_count": 1,
    "member_notification_settings": _SETTINGS_ANSWER,
}
_MEMBER_ANSWER = {
    "id": "6c5d4e3f-2a1b-4c0d-9e8f-7a6b5c4d3e2f",
    "channel": _CHANNEL,
    "channel_id": _CHANNEL,
    "member_id": _BOB,
    "organization_id": _ORGANIZATION,
    "created_at": _CREATED,
    "updated_at": _SAID,
    "last_seen_at": _SAID,
    "unread_message_count": 0,
    "unread_mention_count": 0,
    "is_admin": False,
    "member": _person(_BOB, "Bob Kahn"),
}
_RECORDING_ANSWER = {
    "uid": _RECORDING,
    "thumbnail": f"{_HOST}/{_RECORDING}/thumbnails/thumbnail.jpg",
    "created": _BEGAN,
    "modified": _ENDED,
    "size": 752_813_220,
    "duration": 3758.4,
    "input": {"width": 1280, "height": 720},
    "playback": {
        "hls": f"{_HOST}/{_RECORDING}/manifest/video.m3u8",
        "dash": f"{_HOST}/{_RECORDING}/manifest/video.mpd",
    },
    "meta": {"name": "Town hall"},
    "description": "",
    "thumbnail_time": None,
    "is_pinned": False,
    "stream_session_id": _SESSION,
}
_STATUS = {
    "is_connected": True,
    "is_watchable": True,
    "seconds_until_watchable": 0,
    "state": "live",
    "reason": None,
    "poll_after_ms": 5000,
    "viewer_count": 128,
    "tracks": "audio+video",
    "recording": "on",
    "counted": True,
}

_PEOPLE: dict[type[BaseModel], Any] = {
    users.Me: {
        "id": _ADA,
        "email": "ada@example.com",
        "organization_id": _ORGANIZATION,
        "organization": {"id": _ORGANIZATION, "name": "Acme"},
        "first_name": "Ada",
        "last_name": "Lovelace",
        "full_name": "Ada Lovelace",
        "is_manager": None,
        "is_staff": False,
        "alias": None,
        "gender": None,
        "birthday": None,
        "phone": None,
        "title": None,
        "created_at": _CREATED,
        "updated_at": _CREATED,
        "deleted_at": None,
        "avatar_id": None,
        "avatar": {"id": None, "url": _AVATAR},
        "is_online_enabled": True,
        "is_online": False,
        "is_present": False,
        "current_chat_count": 0,
        "is_deleted": False,
        "is_bot": False,
        "is_created_by_sso": False,
        "is_email_confirmed": False,
        "legacy_id": None,
        "legacy_integer_id": None,
        "organization_legacy_id": None,
    },
    visitors.VisitorBody: {"visitor_secret_id": _SECRET},
    visitors.VisitorAnswer: {
        "visitor_id": _VISITOR,
        "visitor_secret_id": _SECRET,
        "organization_id": _ORGANIZATION,
        "socket_url": _SOCKET,
        "access_token": _JWT,
        "expires_at": "2026-11-28T14:30:00.000Z",
        "expires_in": 1800,
        "minimal_bar_version": 3,
    },
}

_REALTIME: dict[type[BaseModel], Any] = {
    messagerouter.MessageRouterAnswer: {
        "url": _SOCKET,
        "permission_token": _JWT,
        "expires_at": "2026-11-28T15:00:00.000000Z",
        "expires_in": 3600,
    },
}

_CONVERSATION: dict[type[BaseModel], Any] = {
    channels.ChannelBody: {"name": "Town hall", "description": "Every Friday at 14:00", "members": [_BOB]},
    channels.ChannelReplacement: {"name": "Town hall", "description": "Every Friday at 15:00"},
    channels.ChannelChanges: {"description": "Every Friday at 15:00"},
    channels.ChannelAnswer: _CHANNEL_ANSWER,
    channels.ChannelPage: _page(_CHANNEL_ANSWER),
    joined.DirectBody: {"members": [_BOB]},
    joined.JoinedAnswer: _JOINED_ANSWER,
    joined.JoinedPage: _page(_JOINED_ANSWER),
    members.JoinBody: {"member_id": _BOB},
    members.MemberBody: {"last_seen_at": "2026-11-28T14:05:13.000Z"},
    members.MemberAnswer: _MEMBER_ANSWER,
    members.MemberPage: _page(_MEMBER_ANSWER),
    notifications.SettingsBody: {"mode": "mentions"},
    notifications.SettingsAnswer: _SETTINGS_ANSWER,
    message_schemas.MessageBody: {"id": _MESSAGE, "body": _BODY, "notify_users": [_BOB]},
    message_schemas.MessageEdit: {"body": {**_BODY, "chunks": [{"type": "text", "text": "We start now."}]}},
    message_schemas.MessageAnswer: _MESSAGE_ANSWER,
    message_schemas.MessagePage: _page(_MESSAGE_ANSWER),
    meetings.MeetingBody: {"group": _ORGANIZATION, "user": {"name": "Ada Lovelace", "avatar": _AVATAR}},
    meetings.MeetingTokenAnswer: {"token_type": "bearer", "access_token": _JWT, "expires_in": 3600},
    meetings.ActiveConferencePage: _page({"channel_id": _CHANNEL, "participant_count": 4, "joined": False}),
}

_STREAMS: dict[type[BaseModel], Any] = {
    conference.StreamBody: {"slate_image_url": _SLATE, "reconnect_timeout": 60, "latency_mode": "low"},
    conference.StreamAnswer: {
        "rtmps_url": "rtmps://live.example.com:1936/live",
        "rtmp_url": None,
        "view_url": f"{_HOST}/{_INPUT}/manifest/video.m3u8",
        "stream_key": "an-example-key-and-no-secret",
        "stream_uid": _INPUT,
        "slate_image_url": _SLATE,
        "reconnect_timeout": 60,
        "latency_mode": "low",
        "enabled": True,
        "recording": "on",
    },
    conference.ListedStreamPage: _page(
        {
            "channel": _CHANNEL,
            "channel_name": "Town hall",
            "created": _CREATED,
            "uid": _INPUT,
            "rtmps_url": "rtmps://live.example.com:1936/live",
            "view_url": f"{_HOST}/{_INPUT}/manifest/video.m3u8",
            "thumbnail": f"{_HOST}/{_INPUT}/thumbnails/thumbnail.jpg",
            "state": "live",
            "viewer_count": 128,
        }
    ),
    recordings.RecordingChanges: {"name": "Town hall in November", "thumbnail_time": 95.5, "is_pinned": True},
    recordings.RecordingAnswer: _RECORDING_ANSWER,
    recordings.RecordingPage: _page(_RECORDING_ANSWER),
    stream_control.RotationBody: {"overlap": 600},
    stream_health.StreamHealthAnswer: {
        "measured": True,
        "connected": True,
        "measured_at": _SAID,
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
        "history": [{"at": _SAID, "video_kbps": 2480, "audio_kbps": 160, "fps": 30.0, "viewer_count": 128}],
    },
    stream_sessions.SessionBody: {"action": "start"},
    stream_sessions.SessionAnswer: {"stream_session_id": _SESSION},
    stream_sessions.ListedSessionPage: _page(
        {"id": _SESSION, "started_at": _BEGAN, "stopped_at": _ENDED, "peak_viewers": 214, "unique_viewers": 590}
    ),
}

_FOR_PLAYERS: dict[type[BaseModel], Any] = {
    public_schemas.StreamStatus: _STATUS,
    public_schemas.StreamViewerCount: {"viewer_count": 128},
    public_schemas.EventStream: (
        'retry: 2481\n\nid: 5c1f0a9e3b7d2468\nevent: status\ndata: {"is_connected":true,"is_watchable":true,'
        '"seconds_until_watchable":0,"state":"live","reason":null,"poll_after_ms":5000,"viewer_count":128,"tracks":"audio+video","recording":"on"}\n\n'
    ),
    public_player.StreamPlayer: {
        "name": "Town hall",
        "view_url": f"{_HOST}/{_INPUT}/manifest/video.m3u8",
        "dash_url": f"{_HOST}/{_INPUT}/manifest/video.mpd",
        "thumbnail": f"{_HOST}/{_INPUT}/thumbnails/thumbnail.jpg",
        "slate_image_url": _SLATE,
        "recording": {
            "uid": _RECORDING,
            "created": _BEGAN,
            "duration": 3758.4,
            "hls": f"{_HOST}/{_RECORDING}/manifest/video.m3u8",
            "dash": f"{_HOST}/{_RECORDING}/manifest/video.mpd",
            "thumbnail": f"{_HOST}/{_RECORDING}/thumbnails/thumbnail.jpg",
        },
    },
    health.Alive: {"status": "ok"},
    health.Ready: {"status": "ready", "checks": {"store": "ok", "viewers": "ok", "provider": "ok"}},
}

EXAMPLES: Mapping[type[BaseModel], Any] = {**_PEOPLE, **_CONVERSATION, **_STREAMS, **_FOR_PLAYERS, **_REALTIME}
"""By model: of every request body and every answer."""
