"""Who may call: users/me, tokens, other organizations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from service.domain.access.accounts import ALGORITHM, AUDIENCE, SIGNING_SECRET
from tests.api.conftest import Api

ME = "/api/v5/users/me"


async def test_authenticated_responses_are_not_stored_by_caches(api: Api) -> None:
    async with api.client.get(ME, headers=api.auth) as response:
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("", "Authentication credentials were not provided."),
        ("Basic YTpi", "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
        ("Bearer wrong", "Invalid token."),
        ("Bearer a.b.c", "Invalid token."),
        ("Token " + "x" * 5000, "Invalid token."),
        ("Token ä", "Invalid token."),
    ],
)
async def test_without_good_credentials_it_is_a_401_that_says_why(api: Api, header: str, detail: str) -> None:
    async with api.client.get(ME, headers={"Authorization": header}) as response:
        assert (response.status, await response.json()) == (401, {"detail": detail})
        assert response.headers["WWW-Authenticate"] == "Token"


async def test_the_scheme_is_read_in_any_case(api: Api) -> None:
    async with api.client.get(ME, headers={"Authorization": f"tOkEn {api.token}"}) as response:
        assert response.status == 200


async def test_a_token_under_the_other_scheme_is_refused(api: Api) -> None:
    async with api.client.get(ME, headers={"Authorization": f"Bearer {api.token}"}) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"exp": None}, "Invalid token."),
        ({"aud": "playback"}, "Invalid token."),
        ({"user_id": "nobody"}, "Invalid token."),
        ({"user_id": 7}, "Invalid token."),
        ({"user_id": str(uuid4())}, "User inactive or deleted."),
        ({"organization_id": str(uuid4())}, "Invalid token."),
    ],
)
async def test_an_access_token_with_wrong_claims_is_refused(api: Api, change: dict[str, object], detail: str) -> None:
    await api.accounts.issue_bearer(api.organization, api.user)
    claims = {
        "aud": AUDIENCE,
        "exp": datetime.now(UTC) + timedelta(hours=1),
        "organization_id": str(api.organization),
        "user_id": str(api.user),
    } | change
    claims = {name: value for name, value in claims.items() if value is not None}
    bearer = jwt.encode(claims, await api.store.accounts.secret(SIGNING_SECRET, "unused"), algorithm=ALGORITHM)
    async with api.client.get(ME, headers={"Authorization": f"Bearer {bearer}"}) as response:
        assert (response.status, await response.json()) == (401, {"detail": detail})


async def test_an_unsigned_access_token_is_refused(api: Api) -> None:
    bearer = jwt.encode({"user_id": str(api.user)}, "", algorithm="none")
    async with api.client.get(ME, headers={"Authorization": f"Bearer {bearer}"}) as response:
        assert response.status == 401


async def test_a_revoked_token_stops_working(api: Api) -> None:
    issued = await api.accounts.create_token(api.organization, api.user)
    headers = {"Authorization": f"Token {issued.secret}"}
    async with api.client.get(ME, headers=headers) as response:
        assert response.status == 200
    await api.accounts.revoke_token(issued.token.id)
    async with api.client.get(ME, headers=headers) as response:
        assert response.status == 401


async def test_a_token_without_a_user_has_no_current_user(api: Api) -> None:
    issued = await api.accounts.create_token(api.organization, None)
    headers = {"Authorization": f"Token {issued.secret}"}
    async with api.client.get(ME, headers=headers) as response:
        assert response.status == 403
    async with api.client.get(f"{api.base}/channels", headers=headers) as response:
        assert response.status == 200


async def test_another_organization_is_forbidden_whether_it_exists_or_not(api: Api) -> None:
    other = await api.accounts.create_token(uuid4(), uuid4())
    forbidden = (403, {"detail": "You do not have permission to perform this action."})
    assert await api.get(f"/api/pub/v1/orgs/{other.token.organization_id}/channels") == forbidden
    assert await api.get(f"/api/pub/v1/orgs/{uuid4()}/channels") == forbidden
