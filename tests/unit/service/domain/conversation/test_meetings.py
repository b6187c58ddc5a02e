"""Tokens for meetings, and who is in a call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from service.domain.conversation import meetings as meetings_module
from service.domain.conversation.meetings import LEASE, TOKEN_LIFETIME, CallKind, Guest, Meetings, MeetingSigner
from service.domain.errors import Forbidden
from service.domain.paging import PageRequest
from service.store import Store
from tests.clock import Clock
from tests.contract.conversation import Conversation, new_conversation, new_users
from tests.unit.service.domain.identities import identity_of

SECRET = "shared with Jitsi, and long enough for HS256"
SIGNER = MeetingSigner("our-app", "jitsi", "meet.example.com", SECRET)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meetings(store: Store, clock: Clock) -> Meetings:
    return Meetings(store.presence, store, store.accounts, SIGNER, clock)


def claims(token: str) -> dict[str, Any]:
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    decoded: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"], audience="jitsi", options=options)  # type: ignore[arg-type]
    return decoded


async def in_call(meetings: Meetings, chat: Conversation) -> list[tuple[int, bool]]:
    page = await meetings.active(chat.organization_id, chat.members[0], await identity_of(chat, 0), PageRequest(9))
    return [(each.participant_count, each.joined) for each in page.items]


async def test_a_meeting_token_is_for_the_authenticated_user_only(
    store: Store, meetings: Meetings, clock: Clock
) -> None:
    chat = await new_conversation(store)
    guest = Guest(id="somebody-else", name="Countess", email="ada@example.com")
    issued = await meetings.issue(chat.channel, await identity_of(chat, 0), None, guest)
    claimed = claims(issued.access_token)
    assert claimed["context"]["user"] == {
        "id": str(chat.members[0]),
        "name": "Countess",
        "email": "ada@example.com",
    }
    assert (claimed["room"], claimed["iss"], claimed["sub"]) == (str(chat.id), "our-app", "meet.example.com")
    assert claimed["exp"] == int(clock.now().timestamp()) + TOKEN_LIFETIME == claimed["iat"] + issued.expires_in
    assert issued.access_token not in repr(issued)


async def test_the_organization_brings_guests(store: Store, meetings: Meetings) -> None:
    chat = await new_conversation(store)
    organization = await identity_of(chat, None)
    for guest in (Guest(id="visitor-7", name="Vi"), Guest()):
        user = claims((await meetings.issue(chat.channel, organization, None, guest)).access_token)["context"]["user"]
        assert all(isinstance(value, str) and value for value in user.values())
        assert user["id"] == guest.id or guest.id is None
    assert await in_call(meetings, chat) == [(2, False)]


async def test_a_group_is_the_organization_or_refused(store: Store, meetings: Meetings) -> None:
    chat = await new_conversation(store)
    issued = await meetings.issue(chat.channel, await identity_of(chat, 0), chat.organization_id, Guest())
    assert claims(issued.access_token)["context"]["group"] == str(chat.organization_id)
    with pytest.raises(Forbidden):
        await meetings.issue(chat.channel, await identity_of(chat, 0), uuid4(), Guest())


async def test_a_user_with_a_token_is_in_the_call_until_they_leave_or_the_lease_ends(
    store: Store, meetings: Meetings, clock: Clock
) -> None:
    chat = await new_conversation(store)
    await meetings.issue(chat.channel, await identity_of(chat, 0), None, Guest())
    async with store.transaction() as tx:
        await meetings.note_call(tx, chat.channel, chat.members[1], CallKind.REQUEST, clock.now())
    assert await in_call(meetings, chat) == [(2, True)]
    async with store.transaction() as tx:
        await meetings.note_call(tx, chat.channel, chat.members[0], CallKind.LEAVE, clock.now() + timedelta(seconds=1))
    clock.advance(2)
    assert await in_call(meetings, chat) == [(1, False)]
    clock.advance(LEASE.total_seconds())
    assert await in_call(meetings, chat) == []


async def test_only_users_of_the_organization_have_a_list(store: Store, meetings: Meetings) -> None:
    chat = await new_conversation(store)
    _, (foreigner,) = await new_users(store, 1)
    for outsider in (foreigner, uuid4()):
        with pytest.raises(Forbidden):
            await meetings.active(chat.organization_id, outsider, await identity_of(chat, 0), PageRequest(9))


async def test_a_sweep_ends_the_leases_of_all_channels(
    store: Store, meetings: Meetings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings_module, "SWEEP_BATCH", 2)
    for _ in range(4):
        chat = await new_conversation(store, 1)
        await meetings.issue(chat.channel, await identity_of(chat, 0), None, Guest())
    clock.advance(LEASE.total_seconds())
    assert [await meetings.sweep() for _ in range(2)] == [4, 0]
