"""rotate_key, enable and disable."""

from __future__ import annotations

from uuid import uuid4

import pytest

from service.domain.streams.streams import NO_INPUT
from tests.api.conftest import Api
from tests.api.people import Person, new_user

ACTIONS = ("rotate_key", "enable", "disable")


async def made(api: Api) -> tuple[str, dict[str, object]]:
    """Return a channel's conference path and its live input."""
    path = api.conference(await api.channel())
    status, stream = await api.post(path + "/create_stream")
    assert status == 201
    return path, stream


async def test_a_rotated_key_is_the_only_thing_that_changes(api: Api) -> None:
    path, stream = await made(api)
    status, rotated = await api.post(path + "/rotate_key")
    assert status == 200
    assert rotated["stream_key"] != stream["stream_key"]
    assert rotated == {**stream, "stream_key": rotated["stream_key"]}
    assert await api.get(path + "/create_stream") == (200, rotated)
    assert not api.provider.connect(str(stream["stream_uid"]), str(stream["stream_key"]))
    assert api.provider.connect(str(stream["stream_uid"]), rotated["stream_key"])


async def test_with_an_overlap_the_old_key_works_on(api: Api) -> None:
    path, stream = await made(api)
    assert (await api.post(path + "/rotate_key", {"overlap": 600}))[0] == 200
    assert api.provider.connect(str(stream["stream_uid"]), str(stream["stream_key"]))


@pytest.mark.parametrize("overlap", [-1, 86_401, "5", 1.5, None, True])
async def test_a_wrong_overlap_is_a_400_that_names_it_and_keeps_the_key(api: Api, overlap: object) -> None:
    path, stream = await made(api)
    status, answer = await api.post(path + "/rotate_key", {"overlap": overlap})
    assert (status, list(answer)) == (400, ["overlap"])
    assert await api.get(path + "/create_stream") == (200, stream)


async def test_a_provider_without_overlaps_is_a_400_that_says_so(api: Api) -> None:
    path, stream = await made(api)
    api.provider.refuse("overlap", "The old key stops at once: leave this out.")
    assert await api.post(path + "/rotate_key", {"overlap": 5}) == (
        400,
        {"overlap": ["The old key stops at once: leave this out."]},
    )
    assert await api.get(path + "/create_stream") == (200, stream)


async def test_a_disabled_input_refuses_encoders_until_it_is_enabled_again(api: Api) -> None:
    path, stream = await made(api)
    assert stream["enabled"] is True
    disabled = {**stream, "enabled": False}
    assert await api.post(path + "/disable") == (200, disabled)
    assert await api.get(path + "/create_stream") == (200, disabled)
    assert not api.provider.connect(str(stream["stream_uid"]))
    assert await api.post(path + "/enable") == (200, stream)
    assert await api.post(path + "/enable") == (200, stream)
    assert api.provider.connect(str(stream["stream_uid"]))


@pytest.mark.parametrize("action", ACTIONS)
async def test_without_a_live_input_there_is_nothing_to_act_on(api: Api, action: str) -> None:
    path = api.conference(await api.channel())
    assert await api.post(f"{path}/{action}") == (404, {"detail": NO_INPUT})
    assert await api.post(f"{api.conference(str(uuid4()))}/{action}") == (404, {"detail": "Not found."})


@pytest.mark.parametrize("action", ACTIONS)
async def test_only_the_organization_itself_may(api: Api, action: str) -> None:
    path, stream = await made(api)
    async with api.client.post(f"{path}/{action}") as response:
        assert response.status == 401
    other = await api.accounts.create_token(uuid4(), uuid4(), organization_name="Other", full_name="Eve")
    async with api.client.post(f"{path}/{action}", headers={"Authorization": f"Token {other.secret}"}) as response:
        assert response.status == 403
    assert await api.get(path + "/create_stream") == (200, stream)


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_stream_is_controlled_by_admins_and_the_organization_alone(
    api: Api, ada: Person, bob: Person, action: str
) -> None:
    channel = await ada.channel(members=[bob.id])
    assert (await bob.post(f"channels/{channel}/conference/create_stream"))[0] == 201
    control = f"channels/{channel}/conference/{action}"
    stranger = await new_user(api, "Eve")
    for other in (bob, stranger):
        assert await other.post(control) == (403, {"detail": "You do not have permission to perform this action."})
    organization = Person(api, "", (await api.accounts.create_token(api.organization, None)).secret)
    assert [(await each.post(control))[0] for each in (ada, organization)] == [200, 200]
    assert (await ada.patch(f"channels/{channel}/members/{bob.id}", {"is_admin": True}))[0] == 200
    assert (await bob.post(control))[0] == 200


async def test_a_direct_channel_has_no_admin_so_its_members_control_its_stream(
    api: Api, ada: Person, bob: Person
) -> None:
    channel = await ada.direct(bob)
    assert (await ada.post(f"channels/{channel}/conference/create_stream"))[0] == 201
    assert (await bob.post(f"channels/{channel}/conference/rotate_key"))[0] == 200
    assert (await (await new_user(api, "Eve")).post(f"channels/{channel}/conference/rotate_key"))[0] == 404
