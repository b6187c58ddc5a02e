"""Checks 1 to 3, 28 and 30 of the Pub API's acceptance list: who calls, and from where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from service.domain.access.accounts import Accounts
from tests.api.conftest import Api
from tests.api.people import Person, new_user, words
from tests.clock import Clock

ME = "/api/v5/users/me"


async def me(api: Api, authorization: str | None) -> tuple[int, Any, str | None]:
    """Status, answer and WWW-Authenticate."""
    headers = {} if authorization is None else {"Authorization": authorization}
    async with api.client.get(ME, headers=headers) as response:
        return response.status, await response.json(), response.headers.get("WWW-Authenticate")


async def test_check_01_a_token_identifies_its_user_and_organization(api: Api) -> None:
    status, user, _ = await me(api, f"Token {api.token}")
    assert status == 200
    assert (user["id"], user["organization_id"]) == (str(api.user), str(api.organization))
    assert user["organization"] == {"id": str(api.organization), "name": "Acme"}
    assert (user["first_name"], user["last_name"], user["full_name"]) == ("Ada", "Byron Lovelace", "Ada Byron Lovelace")


async def test_check_02_without_a_token_or_with_a_wrong_one_it_is_a_401(api: Api) -> None:
    assert await me(api, None) == (401, {"detail": "Authentication credentials were not provided."}, "Token")
    assert await me(api, "Token wrong") == (401, {"detail": "Invalid token."}, "Token")


async def test_check_03_an_access_token_opens_until_it_expires(api: Api) -> None:
    status, user, _ = await me(api, f"Bearer {await api.accounts.issue_bearer(api.organization, api.user)}")
    assert (status, user["id"]) == (200, str(api.user))
    long_ago = Accounts(api.store.accounts, api.store.accounts, Clock(datetime.now(UTC) - timedelta(hours=2)))
    expired = await long_ago.issue_bearer(api.organization, api.user, lifetime=3600)
    assert await me(api, f"Bearer {expired}") == (401, {"detail": "Token has expired."}, "Token")


async def test_check_28_another_organization_comes_nowhere(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    message = await ada.say(channel)
    other = uuid4()
    stranger = await new_user(api, "Eve", other)
    places = [
        "channels",
        f"channels/{channel}",
        f"channels/{channel}/messages",
        f"channels/{channel}/messages/{message['id']}",
        f"channels/{channel}/members",
        f"channels/{channel}/members/{ada.id}",
        f"channels/{channel}/members/{ada.id}/notification_settings",
        f"channels/{channel}/conference/create_stream",
        f"channels/{channel}/conference/recorded_streams",
        f"users/{ada.id}/joined-channels",
        f"users/{ada.id}/dm-channels",
    ]
    for place in places:
        assert (await stranger.get(place))[0] == 403, place
    home = f"/api/pub/v1/orgs/{other}"
    for place in places[1:9]:
        assert await stranger.get(f"{home}/{place}") == (404, {"detail": "Not found."}), place
    assert (await stranger.post(f"{home}/channels/{channel}/messages", {"body": words("x")}))[0] == 404
    assert (await stranger.patch(f"{home}/channels/{channel}", {"name": "mine"}))[0] == 404
    assert (await stranger.delete(f"{home}/channels/{channel}"))[0] == 404
    body = {"members": [ada.id]}
    assert (await stranger.post(f"{home}/users/{stranger.id}/dm-channels", body))[0] == 400


async def test_check_30_a_preflight_from_a_foreign_origin_is_allowed(api: Api) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for path in (f"{api.base}/channels", ME):
        async with api.client.options(path, headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            allowed = response.headers["Access-Control-Allow-Headers"].lower()
            assert "authorization" in allowed and "content-type" in allowed
            assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
