"""Who may not: every operation of the document, asked by those it is not for. A new one is asked, too, without being named here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from service.domain.access.accounts import Accounts
from tests.api.conftest import Api
from tests.api.people import Person, new_user, words
from tests.clock import Clock

OTHERS_BUSINESS = {
    "replace_channel", "change_channel", "delete_channel",
    "edit_message", "delete_message",
    "change_member", "remove_member", "get_settings", "change_settings",
    "list_joined", "get_joined", "list_direct", "open_direct", "get_direct",
    "rotate_key", "enable_stream", "disable_stream", "change_recording", "delete_recording",
}  # fmt: skip
"""What a member who is not an admin may not do to other users."""

OF_STREAMS = {"rotate_key", "enable_stream", "disable_stream", "change_recording", "delete_recording"}

NOT_WITHOUT_A_USER = OTHERS_BUSINESS - OF_STREAMS | {"get_me", "send_message"}
"""What a token that belongs to its organization alone may not do."""


API_CHANNEL = "/api/v1/"
"""Paths with credentials and errors of another contract (test_inboxes.py)."""

WEBHOOK = {"endpoint_url": "https://example.com/hook", "channel_subscriptions": [{"channel_pattern": "/**"}]}

OF_WEBHOOKS = {
    "list_webhooks", "create_webhook", "get_webhook", "replace_webhook", "change_webhook", "delete_webhook",
    "test_webhook", "rotate_webhook_secret", "replay_webhook", "list_deliveries", "get_delivery", "resend_delivery",
}  # fmt: skip
"""Webhooks belong to managers and to tokens of the organization."""


class Place:
    """What paths name, and what bodies say."""

    def __init__(
        self, organization: object, channel: str, user: str, member: str, message: str, recording: str
    ) -> None:
        self._ids = {
            "organization_id": str(organization),
            "channel_id": channel,
            "user_id": user,
            "member_id": member,
            "message_id": message,
            "recording_uid": recording,
            "webhook_id": str(uuid4()),  # none: what a webhook's own users may do is in test_webhooks.py
            "delivery_id": str(uuid4()),
        }
        self._bodies = {
            "create_channel": {"name": "New"},
            "replace_channel": {"name": "Taken over"},
            "change_channel": {"name": "Taken over"},
            "send_message": {"body": words("hello")},
            "edit_message": {"body": words("forged")},
            "add_member": {"member_id": member},
            "change_member": {"last_seen_at": "2026-01-01T00:00:00Z"},
            "change_settings": {"mode": "muted"},
            "open_direct": {"members": [member]},
            "change_stream_session": {"action": "start"},
            "create_webhook": WEBHOOK,
            "replace_webhook": WEBHOOK,
            "change_webhook": {},
            "replay_webhook": {"since": 0},
        }

    def path(self, template: str) -> str:
        return template.format(**self._ids)

    def body(self, name: str) -> Any:
        return self._bodies.get(name)


async def operations(api: Api) -> dict[str, tuple[str, str]]:
    """Return method and path of every operation that requires credentials, by name."""
    _, document = await api.get("/openapi.json")
    return {
        described["operationId"]: (method, path)
        for path, item in document["paths"].items()
        for method, described in item.items()
        if described["security"] and not path.startswith(API_CHANNEL)
    }


async def statuses(api: Api, place: Place, headers: Mapping[str, str]) -> dict[str, int]:
    """Return each operation's answer to these headers. Every refusal says why, in one shape."""
    found = {}
    for name, (method, path) in (await operations(api)).items():
        asked = api.client.request(method, place.path(path), headers=headers, json=place.body(name))
        async with asked as response:
            found[name] = response.status
            if response.status >= 400:
                assert list(await response.json()) == ["detail"], name
            if response.status == 401:
                assert response.headers["WWW-Authenticate"] == "Token"
    return found


async def scene(api: Api, ada: Person, user: str, **more: Any) -> Place:
    """Create a channel of Ada's with a message, a live input and a recording; `user` is the one whose channels are listed."""
    channel = await ada.channel("Staff", **more)
    message = await ada.say(channel)
    uid = (await ada.made(f"channels/{channel}/conference/create_stream"))["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    recording = api.provider.end(uid)
    assert recording is not None
    return Place(api.organization, channel, user, ada.id, message["id"], recording.uid)


async def revoked(api: Api) -> str:
    issued = await api.accounts.create_token(api.organization, api.user)
    await api.accounts.revoke_token(issued.token.id)
    return f"Token {issued.secret}"


async def expired(api: Api) -> str:
    long_ago = Accounts(api.store.accounts, api.store.accounts, Clock(datetime.now(UTC) - timedelta(hours=2)))
    return f"Bearer {await long_ago.issue_bearer(api.organization, api.user, lifetime=3600)}"


async def visitors(api: Api) -> str:
    _, visitor = await api.post(f"/api/v5/public/orgs/{api.organization}/auth")
    return f"Bearer {visitor['access_token']}"


async def meetings(api: Api) -> str:
    _, token = await api.post(api.conference(await api.channel()) + "/token")
    return f"Bearer {token['access_token']}"


async def api_token_under_the_wrong_word(api: Api) -> str:
    return f"Bearer {api.token}"


async def test_nothing_opens_without_credentials(api: Api, ada: Person) -> None:
    found = await statuses(api, await scene(api, ada, ada.id), {})
    assert len(found) > 30
    assert set(found.values()) == {401}, found


@pytest.mark.parametrize("kind", [revoked, expired, visitors, meetings, api_token_under_the_wrong_word])
async def test_nothing_opens_with_credentials_that_are_not_for_it(api: Api, ada: Person, kind: Any) -> None:
    place = await scene(api, ada, ada.id)
    found = await statuses(api, place, {"Authorization": await kind(api)})
    assert set(found.values()) == {401}, found


async def test_another_organization_is_closed(api: Api, ada: Person) -> None:
    eve = await new_user(api, "Eve", uuid4())
    found = await statuses(api, await scene(api, ada, ada.id), eve.auth)
    assert (found.pop("get_me"), found.pop("get_message_router")) == (200, 200)
    assert set(found.values()) == {403}, found


async def test_what_is_another_organizations_is_not_found_below_ones_own(api: Api, ada: Person) -> None:
    home = uuid4()
    eve = await new_user(api, "Eve", home)
    place = await scene(api, ada, ada.id)
    theirs = Place(
        home,
        *(place.path(f"{{{name}}}") for name in ("channel_id", "user_id", "member_id", "message_id", "recording_uid")),
    )
    found = await statuses(api, theirs, eve.auth)
    for name, (_, path) in (await operations(api)).items():
        foreign = 403 if "{user_id}" in path else 404 if "{channel_id}" in path or "{recording_uid}" in path else None
        assert foreign is None or found[name] == foreign, name


async def test_a_private_channel_is_a_404_for_users_that_are_not_members(api: Api, ada: Person, bob: Person) -> None:
    found = await statuses(api, await scene(api, ada, bob.id, is_private=True), bob.auth)
    for name, (_, path) in (await operations(api)).items():
        if "{channel_id}" in path or "{recording_uid}" in path:
            assert found[name] == 404, name


async def test_a_direct_channel_is_a_404_for_other_users(api: Api, ada: Person, bob: Person) -> None:
    carol = await new_user(api)
    channel = await ada.direct(carol)
    message = await ada.say(channel)
    found = await statuses(api, Place(api.organization, channel, bob.id, ada.id, message["id"], "0" * 32), bob.auth)
    for name, (_, path) in (await operations(api)).items():
        if "{channel_id}" in path:
            assert found[name] == 404, name


async def test_a_member_without_the_admin_role_cannot_change_others(api: Api, ada: Person, bob: Person) -> None:
    found = await statuses(api, await scene(api, ada, ada.id, members=[bob.id]), bob.auth)
    assert {name for name, status in found.items() if status == 403} == OTHERS_BUSINESS | OF_WEBHOOKS
    allowed = {name: status for name, status in found.items() if name not in OTHERS_BUSINESS | OF_WEBHOOKS}
    assert all(status < 300 for status in allowed.values()), found


async def test_users_may_do_in_a_public_channel_what_its_members_may(api: Api, ada: Person, bob: Person) -> None:
    found = await statuses(api, await scene(api, ada, ada.id), bob.auth)
    assert {name for name, status in found.items() if status == 403} == OTHERS_BUSINESS | OF_WEBHOOKS
    allowed = {name: status for name, status in found.items() if name not in OTHERS_BUSINESS | OF_WEBHOOKS}
    assert all(status < 300 for status in allowed.values()), found


async def test_a_token_without_a_user_cannot_post_or_mark_as_read(api: Api, ada: Person) -> None:
    issued = await api.accounts.create_token(api.organization, None)
    found = await statuses(api, await scene(api, ada, ada.id), {"Authorization": f"Token {issued.secret}"})
    assert {name for name, status in found.items() if status == 403} == NOT_WITHOUT_A_USER
    assert {found[name] for name in OF_WEBHOOKS} == {200, 201, 404}  # 404: of a webhook that does not exist
    allowed = {name: status for name, status in found.items() if name not in NOT_WITHOUT_A_USER | OF_WEBHOOKS}
    assert all(status < 300 for status in allowed.values()), found


async def test_a_recording_of_a_deleted_private_channel_is_its_last_members(api: Api, ada: Person, bob: Person) -> None:
    carol, eve = await new_user(api, "Carol"), await new_user(api, "Eve")
    place = await scene(api, ada, ada.id, is_private=True, members=[bob.id, carol.id])
    channel, path = place.path("channels/{channel_id}"), place.path("conference/recorded_streams/{recording_uid}")
    assert (await carol.delete(f"{channel}/members/{carol.id}"))[0] == 204
    organization = Person(api, "", (await api.accounts.create_token(api.organization, None)).secret)
    stranger = await new_user(api, "Mallory", uuid4())
    assert [(await each.get(path))[0] for each in (ada, bob, carol, eve)] == [200, 200, 404, 404]
    assert (await ada.delete(channel))[0] == 204
    asked = {each.id: (await each.get(path))[0] for each in (ada, bob, carol, eve, organization)}
    assert list(asked.values()) == [200, 200, 404, 404, 200]
    own = place.path(f"/api/pub/v1/orgs/{api.organization}/conference/recorded_streams/{{recording_uid}}")
    assert (await stranger.get(own))[0] == 403


async def test_a_recording_of_a_deleted_public_channel_is_everybodys_in_the_organization(
    api: Api, ada: Person, bob: Person
) -> None:
    place = await scene(api, ada, ada.id)
    assert (await ada.delete(place.path("channels/{channel_id}")))[0] == 204
    assert (await bob.get(place.path("conference/recorded_streams/{recording_uid}")))[0] == 200


async def test_the_polls_of_a_private_channel_answer_without_a_name_or_an_address(api: Api, ada: Person) -> None:
    place = await scene(api, ada, ada.id, is_private=True, description="Quarterly figures")
    public = place.path("/api/pub/public/v1/orgs/{organization_id}/channels/{channel_id}/conference/")
    for endpoint, status in (("stream_status", 200), ("stream_viewer_count", 200), ("stream_player", 404)):
        async with api.client.get(public + endpoint) as response:
            text = await response.text()
        assert response.status == status
        assert not any(
            secret in text for secret in ("Staff", "Quarterly", "http", "rtmp", place.path("{recording_uid}"))
        )
