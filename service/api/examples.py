"""Examples for the OpenAPI document: one afternoon of one organization, so that ids agree from one operation to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.api import (
    channels,
    joined,
    meetings,
    members,
    message_schemas,
    messagerouter,
    notifications,
    users,
    visitors,
)
from service.api.example_values import (
    ADA,
    AVATAR,
    BOB,
    BODY,
    CHANNEL,
    CHANNEL_ANSWER,
    CREATED,
    JOINED_ANSWER,
    JWT,
    MEMBER_ANSWER,
    MESSAGE,
    MESSAGE_ANSWER,
    ORGANIZATION,
    SECRET,
    SETTINGS_ANSWER,
    SOCKET,
    VISITOR,
    page,
)
from service.api.stream_examples import PLAYER_EXAMPLES, STREAM_EXAMPLES

_PEOPLE: dict[type[BaseModel], Any] = {
    users.Me: {
        "id": ADA,
        "email": "ada@example.com",
        "organization_id": ORGANIZATION,
        "organization": {"id": ORGANIZATION, "name": "Acme"},
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
        "created_at": CREATED,
        "updated_at": CREATED,
        "deleted_at": None,
        "avatar_id": None,
        "avatar": {"id": None, "url": AVATAR},
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
    visitors.VisitorBody: {"visitor_secret_id": SECRET},
    visitors.VisitorAnswer: {
        "visitor_id": VISITOR,
        "visitor_secret_id": SECRET,
        "organization_id": ORGANIZATION,
        "socket_url": SOCKET,
        "access_token": JWT,
        "expires_at": "2026-11-28T14:30:00.000Z",
        "expires_in": 1800,
        "minimal_bar_version": 3,
    },
}

_REALTIME: dict[type[BaseModel], Any] = {
    messagerouter.MessageRouterAnswer: {
        "url": SOCKET,
        "permission_token": JWT,
        "expires_at": "2026-11-28T15:00:00.000000Z",
        "expires_in": 3600,
    },
}

_CONVERSATION: dict[type[BaseModel], Any] = {
    channels.ChannelBody: {"name": "Town hall", "description": "Every Friday at 14:00", "members": [BOB]},
    channels.ChannelReplacement: {"name": "Town hall", "description": "Every Friday at 15:00"},
    channels.ChannelChanges: {"description": "Every Friday at 15:00"},
    channels.ChannelAnswer: CHANNEL_ANSWER,
    channels.ChannelPage: page(CHANNEL_ANSWER),
    joined.DirectBody: {"members": [BOB]},
    joined.JoinedAnswer: JOINED_ANSWER,
    joined.JoinedPage: page(JOINED_ANSWER),
    members.JoinBody: {"member_id": BOB},
    members.MemberBody: {"last_seen_at": "2026-11-28T14:05:13.000Z"},
    members.MemberAnswer: MEMBER_ANSWER,
    members.MemberPage: page(MEMBER_ANSWER),
    notifications.SettingsBody: {"mode": "mentions"},
    notifications.SettingsAnswer: SETTINGS_ANSWER,
    message_schemas.MessageBody: {"id": MESSAGE, "body": BODY, "notify_users": [BOB]},
    message_schemas.MessageEdit: {"body": {**BODY, "chunks": [{"type": "text", "text": "We start now."}]}},
    message_schemas.MessageAnswer: MESSAGE_ANSWER,
    message_schemas.MessagePage: page(MESSAGE_ANSWER),
    meetings.MeetingBody: {"group": ORGANIZATION, "user": {"name": "Ada Lovelace", "avatar": AVATAR}},
    meetings.MeetingTokenAnswer: {"token_type": "bearer", "access_token": JWT, "expires_in": 3600},
    meetings.ActiveConferencePage: page({"channel_id": CHANNEL, "participant_count": 4, "joined": False}),
}

EXAMPLES: Mapping[type[BaseModel], Any] = {
    **_PEOPLE,
    **_CONVERSATION,
    **STREAM_EXAMPLES,
    **PLAYER_EXAMPLES,
    **_REALTIME,
}
"""By model: of every request body and every answer."""
