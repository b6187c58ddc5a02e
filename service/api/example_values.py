"""Values of the examples for the OpenAPI document: one afternoon of one organization."""

from __future__ import annotations

from typing import Any

HOST = "https://live.example.com"
SOCKET = "wss://live.example.com/api/v5/messagerouter/socket"
ORGANIZATION = "7f1c2d64-8a3b-4a57-9f0e-2f6a6f0c9b11"
CHANNEL = "3b9e5c02-6d1f-4c8e-8e57-0f4f8c1d2a90"
ADA = "c2d4a1b8-51e0-4a3f-9d3b-7b0a5e6f1c22"
BOB = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d"
MESSAGE = "5f0c9d3e-2b1a-4c6d-9e8f-7a6b5c4d3e2f"
SESSION = "e4b1f7a2-93c5-4d60-8b7e-1c2d3e4f5a6b"
INPUT = "f4a1c93be0d24c5f8a7b6c5d4e3f2a1b"
RECORDING = "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f"
VISITOR = "a3f5c7e9b1d24680a3f5c7e9b1d24680"
SECRET = "4f7c1e9a2b5d8036e1c4f7a9b2d5e803614f7c1e9a2b5d8036"  # noqa: S105 - an example
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3OTU4NzQ0MDB9.c2lnbmF0dXJl"

CREATED = "2026-11-20T09:00:00.000000Z"
BEGAN = "2026-11-28T14:00:03.518402Z"
SAID = "2026-11-28T14:05:12.079271Z"
ENDED = "2026-11-28T15:02:41.902113Z"

SLATE = "https://cdn.example.com/slates/town-hall.png"
AVATAR = "https://cdn.example.com/avatars/ada.png"
BODY = {"version": 3, "chunks": [{"type": "text", "text": "We start in five minutes."}]}


def person(user_id: str, full_name: str, avatar_url: str | None = None) -> dict[str, Any]:
    return {
        "id": user_id,
        "full_name": full_name,
        "organization_id": ORGANIZATION,
        "avatar_url": avatar_url,
        "is_bot": False,
        "is_online": False,
        "is_present": False,
        "is_deleted": False,
    }


def page(*results: dict[str, Any]) -> dict[str, Any]:
    return {"next": None, "previous": None, "results": list(results)}


MESSAGE_ANSWER = {
    "id": MESSAGE,
    "channel_id": CHANNEL,
    "organization_id": ORGANIZATION,
    "sender_id": ADA,
    "sender": person(ADA, "Ada Lovelace", AVATAR),
    "type": "user",
    "created_at": SAID,
    "updated_at": SAID,
    "is_edited": False,
    "body": BODY,
}
CHANNEL_ANSWER = {
    "id": CHANNEL,
    "organization_id": ORGANIZATION,
    "name": "Town hall",
    "description": "Every Friday at 14:00",
    "avatar_url": None,
    "created_at": CREATED,
    "updated_at": CREATED,
    "is_direct_message": False,
    "latest_message": MESSAGE_ANSWER,
    "latest_message_created_at": SAID,
    "member_count": 2,
    "is_private": False,
    "is_default_channel": False,
    "is_village": False,
    "is_active": True,
    "type": 2,
}
SETTINGS_ANSWER = {
    "id": "1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
    "channel": CHANNEL,
    "channel_id": CHANNEL,
    "user_id": ADA,
    "organization_id": ORGANIZATION,
    "created_at": CREATED,
    "updated_at": CREATED,
    "mode": "mentions",
}
JOINED_ANSWER = {
    **CHANNEL_ANSWER,
    "unread_message_count": 3,
    "unread_mention_count": 1,
    "member_notification_settings": SETTINGS_ANSWER,
}
MEMBER_ANSWER = {
    "id": "6c5d4e3f-2a1b-4c0d-9e8f-7a6b5c4d3e2f",
    "channel": CHANNEL,
    "channel_id": CHANNEL,
    "member_id": BOB,
    "organization_id": ORGANIZATION,
    "created_at": CREATED,
    "updated_at": SAID,
    "last_seen_at": SAID,
    "unread_message_count": 0,
    "unread_mention_count": 0,
    "is_admin": False,
    "member": person(BOB, "Bob Kahn"),
}
RECORDING_ANSWER = {
    "uid": RECORDING,
    "thumbnail": f"{HOST}/{RECORDING}/thumbnails/thumbnail.jpg",
    "created": BEGAN,
    "modified": ENDED,
    "size": 752_813_220,
    "duration": 3758.4,
    "input": {"width": 1280, "height": 720},
    "playback": {
        "hls": f"{HOST}/{RECORDING}/manifest/video.m3u8",
        "dash": f"{HOST}/{RECORDING}/manifest/video.mpd",
    },
    "meta": {"name": "Town hall"},
    "description": "",
    "thumbnail_time": None,
    "is_pinned": False,
    "stream_session_id": SESSION,
}
STATUS = {
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
