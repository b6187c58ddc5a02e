"""conference/token and active_conferences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from service.domain.access.accounts import Identity
from service.domain.conversation.meetings import LEASE, CallKind, Guest, Meetings
from service.domain.paging import PageRequest
from tests.api.conftest import MEETING_SIGNER, Api
from tests.clock import Clock


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(
        token, MEETING_SIGNER.key, algorithms=["HS256"], audience="jitsi", issuer="our-app"
    )
    return found


async def ask(api: Api, channel: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Token {token or api.token}"}
    async with api.client.post(api.conference(channel) + "/token", headers=headers, json=body) as response:
        return response.status, await response.json()


async def colleague(api: Api) -> tuple[UUID, str]:
    """Another user of the same organization, and that user's token."""
    user = uuid4()
    return user, (await api.accounts.create_token(api.organization, user, full_name="Grace Hopper")).secret


async def active(api: Api, user: UUID | None = None, token: str | None = None, query: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Token {token or api.token}"}
    path = f"{api.base}/users/{user or api.user}/active_conferences{query}"
    async with api.client.get(path, headers=headers) as response:
        return response.status, await response.json()


async def conferences(api: Api, user: UUID | None = None, token: str | None = None) -> Any:
    return (await active(api, user, token))[1]["results"]


async def noted(api: Api, meetings: Meetings, *call: Any) -> None:
    async with api.store.transaction() as tx:
        await meetings.note_call(tx, *call)


def item(channel: str, count: int, joined: bool) -> dict[str, Any]:
    return {"channel_id": channel, "participant_count": count, "joined": joined}


async def test_the_token_has_the_claims_jitsi_wants(api: Api) -> None:
    channel = await api.channel()
    person = {"id": str(api.user), "name": "Ada", "email": "ada@example.com", "avatar": "https://example.com/a.png"}
    status, answer = await ask(api, channel, {"group": str(api.organization), "user": person})
    assert (status, set(answer)) == (200, {"token_type", "access_token", "expires_in"})
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
    found = claims(answer["access_token"])
    assert found["exp"] - found["iat"] == 3600
    assert (found["sub"], found["room"]) == ("meet.example.com", channel)
    assert found["context"] == {"user": person, "group": str(api.organization)}


async def test_what_is_not_sent_comes_from_the_directory_and_nothing_is_null(api: Api) -> None:
    for body in (None, {}, {"user": {"id": None, "name": None, "email": None, "avatar": None}}):
        _, answer = await ask(api, await api.channel(), body)
        context = claims(answer["access_token"])["context"]
        assert context["user"] == {"id": str(api.user), "name": "Ada Byron Lovelace"}


async def test_a_user_cannot_enter_a_call_as_another_user(api: Api) -> None:
    _, answer = await ask(api, await api.channel(), {"user": {"id": str(uuid4()), "name": "Ada"}})
    assert claims(answer["access_token"])["context"]["user"]["id"] == str(api.user)


async def test_a_token_of_the_organization_brings_guests(api: Api) -> None:
    channel = await api.channel()
    own = (await api.accounts.create_token(api.organization, None)).secret
    _, answer = await ask(api, channel, {"user": {"id": "guest-7", "name": "Guest"}}, own)
    assert claims(answer["access_token"])["context"]["user"] == {"id": "guest-7", "name": "Guest"}
    for _ in range(2):
        await ask(api, channel, {}, own)
    assert await conferences(api) == [item(channel, 3, False)]


async def test_another_group_is_forbidden(api: Api) -> None:
    channel = await api.channel()
    assert (await ask(api, channel, {"group": str(uuid4())}))[0] == 403
    assert await conferences(api) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"group": "ours"}, "group"), ({"user": "me"}, "user"), ({"user": {"name": 7}}, "user"), ({"user": None}, "user")],
)
async def test_a_bad_member_is_named(api: Api, body: object, field: str) -> None:
    status, answer = await ask(api, await api.channel(), body)
    assert (status, list(answer)) == (400, [field])


async def test_an_unknown_channel_has_no_meeting(api: Api) -> None:
    assert (await ask(api, str(uuid4())))[0] == 404


async def test_a_channel_is_listed_while_a_user_is_in_its_call(api: Api) -> None:
    channel, meetings = await api.channel(), meetings_of(api)
    user, token = await colleague(api)
    await api.channel("nobody is in this one")
    assert await conferences(api) == []
    for each in (api.token, token, token):
        await ask(api, channel, {}, each)
    assert await conferences(api) == [item(channel, 2, True)]
    found = await api.store.channels.channel(api.organization, UUID(channel))
    assert found is not None
    await noted(api, meetings, found, api.user, CallKind.LEAVE, datetime.now(UTC))
    assert await conferences(api) == [item(channel, 1, False)]
    assert await conferences(api, user) == [item(channel, 1, True)]
    await noted(api, meetings, found, user, CallKind.LEAVE, datetime.now(UTC))
    assert await conferences(api) == []


def meetings_of(api: Api, ahead: timedelta = timedelta(0)) -> Meetings:
    return Meetings(api.store.presence, api.store, api.store.accounts, MEETING_SIGNER, Clock(datetime.now(UTC) + ahead))


async def test_the_newest_word_counts_whatever_order_they_arrive_in(api: Api) -> None:
    channel = await api.channel()
    found = await api.store.channels.channel(api.organization, UUID(channel))
    assert found is not None
    meetings, begin = meetings_of(api), datetime.now(UTC) - timedelta(minutes=1)
    await noted(api, meetings, found, api.user, CallKind.LEAVE, begin + timedelta(seconds=2))
    await noted(api, meetings, found, api.user, CallKind.REQUEST, begin)
    assert await conferences(api) == []
    await noted(api, meetings, found, api.user, CallKind.REQUEST, begin + timedelta(seconds=3))
    assert await conferences(api) == [item(channel, 1, True)]


async def test_a_user_that_sends_no_leave_event_leaves_when_the_lease_ends(api: Api) -> None:
    await ask(api, await api.channel(), {})
    caller = await api.accounts.authenticate(f"Token {api.token}")
    assert await count(api, caller, LEASE - timedelta(minutes=1)) == 1
    assert await count(api, caller, LEASE + timedelta(minutes=1)) == 0


async def count(api: Api, caller: Identity, ahead: timedelta) -> int:
    page = await meetings_of(api, ahead).active(api.organization, api.user, caller, PageRequest(10))
    return len(page.items)


async def test_what_ended_long_ago_is_dropped(api: Api) -> None:
    first, second = [await api.store.channels.channel(api.organization, UUID(await api.channel(name))) for name in "ab"]
    assert first is not None and second is not None
    caller = await api.accounts.authenticate(f"Token {api.token}")
    await ask(api, str(first.id), {})
    assert await meetings_of(api, timedelta(days=2)).sweep() == 1
    await meetings_of(api, timedelta(days=2)).issue(second, caller, None, Guest())
    await noted(api, meetings_of(api), first, api.user, CallKind.REQUEST, datetime.now(UTC) - timedelta(minutes=1))
    assert item(str(first.id), 1, True) in await conferences(api)  # an older word counts: the newer one is gone


async def test_a_private_channels_call_is_shown_to_those_in_it(api: Api) -> None:
    _, body = await api.post(f"{api.base}/channels", {"name": "Secret", "is_private": True})
    user, token = await colleague(api)
    await ask(api, body["id"], {})
    assert await conferences(api) == [item(body["id"], 1, True)]
    assert await conferences(api, user, token) == []
    assert await conferences(api, api.user, token) == []  # nor through a user who is


async def test_only_users_of_the_organization_have_a_list(api: Api) -> None:
    other = await api.accounts.create_token(uuid4(), uuid4())
    assert other.token.user_id is not None
    assert (await active(api, uuid4()))[0] == 403
    assert (await active(api, other.token.user_id))[0] == 403
    assert (await active(api, token=other.secret))[0] == 403


async def test_the_list_is_paged(api: Api) -> None:
    made = []
    for name in "abc":
        made.append(await api.channel(name))
        await ask(api, made[-1], {})
    _, first = await active(api, query="?page_size=2")
    _, second = await api.get(first["next"])
    found = [each["channel_id"] for page in (first, second) for each in page["results"]]
    assert (found, second["next"]) == (made[::-1], None)
    assert (await api.get(second["previous"]))[1]["results"] == first["results"]
