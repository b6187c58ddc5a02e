"""A recording: read, change, delete."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from providers.base import ProviderUnavailable
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recordings import Recordings
from tests.api.conftest import Api
from tests.api.mirror import Mirror, by_id
from tests.api.people import Person, first, new_user


async def recorded(api: Api, owner: Person, **more: Any) -> tuple[str, str]:
    """Return a new channel and the path of its recording."""
    channel = await owner.channel("Staff", **more)
    uid = (await owner.made(f"channels/{channel}/conference/create_stream"))["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    recording = api.provider.end(uid)
    assert recording is not None
    await api.writers.settled()
    return channel, f"conference/recorded_streams/{recording.uid}"


async def mirror_of(api: Api, person: Person) -> Mirror:
    made = Mirror(api.store, api.organization, UUID(person.id))
    await made.read()
    return made


async def test_the_fields_that_are_sent_are_changed_and_the_others_stay(api: Api) -> None:
    ada = first(api)
    channel, path = await recorded(api, ada)
    mirror = await mirror_of(api, ada)
    before = await ada.seen(path)
    assert (before["description"], before["thumbnail_time"]) == ("", None)
    status, named = await ada.patch(path, {"name": " Town hall ", "description": "The whole of it"})
    assert status == 200
    changed = {"meta": {"name": "Town hall"}, "description": "The whole of it", "modified": named["modified"]}
    assert named == {**before, **changed} and named["modified"] > before["modified"]
    assert await ada.seen(path) == named
    status, pictured = await ada.patch(path, {"thumbnail_time": 0})
    assert (status, pictured["thumbnail"]) == (200, before["thumbnail"] + "?time=0s")
    await mirror.read()
    collection = f"channels/{channel}/conference/recorded_streams"
    assert mirror.collection(collection) == by_id(collection, await ada.all(collection))
    _, pinned = await ada.patch(path, {"is_pinned": True})
    assert pinned == {**pictured, "is_pinned": True, "modified": pinned["modified"]}
    _, reset = await ada.patch(path, {"name": None, "thumbnail_time": None})
    assert (reset["meta"], reset["thumbnail"]) == (before["meta"], before["thumbnail"])
    assert reset["description"] == "The whole of it"
    assert await ada.patch(path, {}) == (200, reset)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"description": None}, "description"),
        ({"description": "\0"}, "description"),
        ({"thumbnail_time": -1}, "thumbnail_time"),
        ({"thumbnail_time": "5"}, "thumbnail_time"),
        ({"thumbnail_time": 900_000}, "thumbnail_time"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_field(api: Api, body: dict[str, Any], field: str) -> None:
    ada = first(api)
    _, path = await recorded(api, ada)
    status, answer = await ada.patch(path, body)
    assert (status, list(answer)) == (400, [field])


async def test_a_deleted_recording_is_gone_at_once_with_its_media(api: Api) -> None:
    ada = first(api)
    channel, path = await recorded(api, ada)
    mirror, listed = await mirror_of(api, ada), f"channels/{channel}/conference/recorded_streams"
    await mirror.read()
    assert await ada.delete(path) == (204, None)
    assert [(await call(path))[0] for call in (ada.get, ada.patch, ada.delete)] == [404, 404, 404]
    assert (await ada.seen(listed))["results"] == []
    await mirror.read()
    assert mirror.seen[-1].resource is None and mirror.seen[-1].resource_id == path.rpartition("/")[2]
    assert api.provider.calls["delete_recording"] == 1
    async with api.client.get(f"{api.public(channel)}/stream_player") as response:
        assert (await response.json())["recording"] is None


async def test_media_that_could_not_be_deleted_is_deleted_later(api: Api) -> None:
    ada = first(api)
    _, path = await recorded(api, ada)
    uid = path.rpartition("/")[2]
    queries = StreamQueries(api.provider, api.store.claims, api.store.recordings, api.board)
    recordings = Recordings(api.provider, queries, api.store.channels, api.store.recordings, api.store, api.clock)

    async def outage(_: str) -> None:
        raise ProviderUnavailable("for a test")

    works = api.provider.delete_recording
    api.provider.delete_recording = outage  # type: ignore[method-assign]
    assert (await ada.delete(path))[0] == 204
    api.provider.delete_recording = works  # type: ignore[method-assign]
    assert (await api.provider.recording(uid)).uid == uid
    assert (await ada.get(path))[0] == 404
    assert await recordings.sweep() == 1
    assert await recordings.sweep() == 0
    assert await api.provider.recordings((await ada.seen("conference/streams"))["results"][0]["uid"]) == []


async def test_admins_and_the_organization_change_recordings_and_others_do_not(api: Api) -> None:
    ada, bob = first(api), await new_user(api, "Bob")
    channel, path = await recorded(api, ada, members=[bob.id])
    organization = Person(api, "", (await api.accounts.create_token(api.organization, None)).secret)
    assert [(await each.patch(path, {"name": "A"}))[0] for each in (ada, bob, organization)] == [200, 403, 200]
    assert (await bob.delete(path))[0] == 403
    assert (await ada.delete(f"channels/{channel}"))[0] == 204
    assert [(await each.delete(path))[0] for each in (ada, bob, organization)] == [403, 403, 204]
