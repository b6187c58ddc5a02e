"""The log of events says what the API answers: a client that applies the events has what a GET returns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.clock import SystemClock
from service.domain.conversation.meetings import LEASE, Meetings
from service.domain.conversation.members import Members
from service.domain.events.event import Scope
from service.domain.streams.reported_rows import ReportedRows
from tests.api.conftest import MEETING_SIGNER, Api
from tests.api.mirror import Mirror, by_id
from tests.api.people import Person, first, new_user, words
from tests.clock import RunningClock


async def mirror_of(api: Api, person: Person) -> Mirror:
    made = Mirror(api.store, api.organization, UUID(person.id))
    await made.read()
    return made


async def agree(mirror: Mirror, person: Person, *paths: str) -> None:
    """Check that the mirror has exactly what these collections answer to the user."""
    await mirror.read()
    for path in paths:
        assert mirror.collection(path) == by_id(path, await person.all(path)), path


async def join(person: Person, channel: str) -> None:
    status, _ = await person.post(f"channels/{channel}/conference/token")
    assert status == 200


def lists_of(person: Person, channel: str) -> list[str]:
    return [
        "channels",
        f"users/{person.id}/joined-channels",
        f"channels/{channel}/messages",
        f"channels/{channel}/members",
    ]


async def test_a_client_that_applies_the_events_has_what_the_api_answers(api: Api) -> None:
    ada, grace = first(api), await new_user(api)
    mirrors = {person.id: await mirror_of(api, person) for person in (ada, grace)}
    channel = await ada.channel("News", members=[grace.id])
    lists = {person.id: lists_of(person, channel) for person in (ada, grace)}

    async def both_agree() -> None:
        for person in (ada, grace):
            await agree(mirrors[person.id], person, *lists[person.id])

    await both_agree()
    one, two = await ada.say(channel, "one"), await grace.say(channel, "two", notify_users=[ada.id])
    lists = {person.id: lists_of(person, channel)[:3] for person in (ada, grace)}  # without the members' own counts
    await both_agree()
    await ada.patch(f"channels/{channel}/messages/{one['id']}", {"body": words("edited")})
    await grace.patch(f"channels/{channel}/messages/{two['id']}", {"body": words("the latest one, edited")})
    await both_agree()
    await ada.patch(f"channels/{channel}", {"name": "Evening news", "description": "At eight"})
    await both_agree()
    await ada.patch(f"channels/{channel}/members/{ada.id}", {"last_seen_at": two["created_at"]})
    await grace.patch(f"channels/{channel}/members/{grace.id}/notification_settings", {"mode": "muted"})
    await both_agree()
    await grace.delete(f"channels/{channel}/messages/{two['id']}")
    await both_agree()
    third = await new_user(api, "Mary Somerville")
    await ada.post(f"channels/{channel}/members", {"member_id": third.id})
    await ada.patch(f"channels/{channel}/members/{third.id}", {"is_admin": True})
    await third.delete(f"channels/{channel}/members/{grace.id}")
    lists = {ada.id: [*lists_of(ada, channel)], grace.id: lists_of(grace, channel)[:3]}
    await ada.patch(f"channels/{channel}/members/{ada.id}", {"last_seen_at": None})
    await both_agree()
    await third.delete(f"channels/{channel}")
    lists = {person.id: lists_of(person, channel)[:2] for person in (ada, grace)}
    await both_agree()


async def test_a_channel_that_becomes_private_leaves_the_view_of_the_others(api: Api) -> None:
    ada, grace = first(api), await new_user(api)
    channel = await ada.channel()
    insider, outsider = await mirror_of(api, ada), await mirror_of(api, grace)
    assert list(outsider.collection("channels")) == [channel]
    await ada.patch(f"channels/{channel}", {"is_private": True})
    await agree(outsider, grace, "channels")
    await agree(insider, ada, "channels", f"users/{ada.id}/joined-channels")
    await ada.say(channel, "a secret")
    assert await outsider.read() == []
    await ada.patch(f"channels/{channel}", {"is_private": False})
    await agree(outsider, grace, "channels")
    await agree(insider, ada, "channels", f"users/{ada.id}/joined-channels")


async def test_what_happens_in_a_private_channel_is_for_its_members(api: Api) -> None:
    ada, grace = first(api), await new_user(api)
    outsider, insider = await mirror_of(api, grace), await mirror_of(api, ada)
    channel = await ada.channel("Secret", is_private=True)
    await ada.say(channel)
    await ada.post(f"channels/{channel}/conference/create_stream")
    await ada.post(f"channels/{channel}/conference/token")
    await ada.post(f"channels/{channel}/conference/stream_session", {"action": "start"})
    await agree(insider, ada, "channels", "conference/streams", f"users/{ada.id}/active_conferences")
    await ada.delete(f"channels/{channel}")
    assert await outsider.read() == []
    await agree(insider, ada, "channels", "conference/streams", f"users/{ada.id}/joined-channels")
    assert {each.audience.scope for each in insider.seen if channel in str(each)} <= {Scope.MEMBERS, Scope.USER}


async def test_a_direct_channel_is_in_the_lists_of_its_members_only(api: Api) -> None:
    ada, grace, mary = first(api), await new_user(api), await new_user(api, "Mary Somerville")
    outsider, insider = await mirror_of(api, mary), await mirror_of(api, grace)
    channel = await ada.direct(grace)
    await ada.say(channel)
    assert await outsider.read() == []
    await agree(insider, grace, "channels", f"users/{grace.id}/joined-channels", f"users/{grace.id}/dm-channels")
    assert await ada.direct(grace) == channel
    assert await insider.read() == []


async def test_an_operators_admin_is_a_member_with_an_event(api: Api) -> None:
    ada, grace = first(api), await new_user(api)
    channel = await ada.channel("Secret", is_private=True)
    await ada.made(f"channels/{channel}/conference/create_stream")
    mirror = await mirror_of(api, grace)
    assert mirror.collection("channels") == {}
    members = Members(api.store.members, api.store, api.store.directory, SystemClock())
    for _ in range(2):
        await members.appoint(api.organization, UUID(channel), UUID(grace.id), ReportedRows(api.provider).row)
    await agree(mirror, grace, "channels", f"users/{grace.id}/joined-channels", "conference/streams")
    assert len(mirror.collection("conference/streams")) == 1
    of_members = [each for each in mirror.seen if each.channel.endswith("/members") and each.resource_id == grace.id]
    assert [each.action for each in of_members] == ["added", "changed"]
    assert of_members[1].resource is not None and of_members[1].resource["is_admin"] is True


@pytest.mark.parametrize(
    ("mode", "more", "expected"),
    [
        ("unmuted", {}, False),
        ("mentions", {}, False),
        ("unmuted", {"notify_users": True}, True),
        ("mentions", {"notify_users": True}, True),
        ("muted", {"notify_users": True}, False),
        ("mentions", {"notify_channel": True}, True),
        ("muted", {"notify_channel": True}, False),
    ],
)
async def test_a_mentioned_user_that_is_not_muted_gets_a_notification(
    api: Api, mode: str, more: dict[str, Any], expected: bool
) -> None:
    ada, grace, stranger = first(api), await new_user(api), await new_user(api, "Mary Somerville")
    channel = await ada.channel(members=[grace.id])
    await grace.patch(f"channels/{channel}/members/{grace.id}/notification_settings", {"mode": mode})
    mirrors = {each.id: await mirror_of(api, each) for each in (ada, grace, stranger)}
    if "notify_users" in more:
        more = {"notify_users": [ada.id, grace.id, stranger.id]}
    sent = await ada.say(channel, **more)
    for person in (ada, grace, stranger):
        await mirrors[person.id].read()
        found = mirrors[person.id].collection(f"users/{person.id}/notifications")
        assert list(found) == ([sent["id"]] if expected and person is grace else [])
    if expected:
        assert found == {} and mirrors[grace.id].collection(f"users/{grace.id}/notifications")[sent["id"]] == {
            "id": sent["id"],
            "type": "mention",
            "channel_id": channel,
            "message_id": sent["id"],
            "created_at": sent["created_at"],
            "message": sent,
        }


async def test_a_repeated_post_is_one_event(api: Api) -> None:
    ada = first(api)
    channel, mirror = await ada.channel(), await mirror_of(api, ada)
    again = {"id": str(uuid4()), "body": words("once")}
    assert [(await ada.post(f"channels/{channel}/messages", again))[0] for _ in range(3)] == [201, 200, 200]
    assert [each[1] for each in await mirror.read() if each[0].endswith("/messages")] == ["added"]


async def test_calls_are_the_active_conferences_of_each_user(api: Api) -> None:
    ada, grace = first(api), await new_user(api)
    mirrors = {person.id: await mirror_of(api, person) for person in (ada, grace)}
    channel = await ada.channel(members=[grace.id])

    async def both_agree() -> None:
        for person in (ada, grace):
            await agree(mirrors[person.id], person, f"users/{person.id}/active_conferences")

    for person, kind in [(ada, "request"), (grace, "request"), (grace, "request"), (ada, "leave"), (grace, "leave")]:
        await person.say(channel, type=f"call_{kind}")
        await both_agree()
    await join(ada, channel)
    await both_agree()


async def test_the_end_of_a_lease_is_an_event(api: Api, clock: RunningClock) -> None:
    ada, grace = first(api), await new_user(api)
    mirrors = {person.id: await mirror_of(api, person) for person in (ada, grace)}
    path, channel = "users/{}/active_conferences", await ada.channel()

    async def both_count(count: int | None) -> None:
        for person in (ada, grace):
            await agree(mirrors[person.id], person, path.format(person.id))
            found = mirrors[person.id].collection(path.format(person.id)).get(channel, {})
            assert found.get("participant_count") == count

    meetings = Meetings(api.store.presence, api.store, api.store.accounts, MEETING_SIGNER, clock)
    for person in (ada, grace):
        await join(person, channel)
        clock.advance(60)
    clock.advance(LEASE.total_seconds() - 90)  # Ada's has ended
    assert await meetings.sweep() == 1
    await both_count(1)
    clock.advance(60)
    await join(ada, channel)  # writes the end of Grace's as well
    await both_count(1)
    assert await meetings.sweep() == 0
    clock.advance(LEASE.total_seconds())
    assert [await meetings.sweep() for _ in range(2)] == [1, 0]
    await both_count(None)


async def test_a_call_enters_and_leaves_the_lists_with_its_channel(api: Api) -> None:
    ada, grace = first(api), await new_user(api)
    mirrors = {person.id: await mirror_of(api, person) for person in (ada, grace)}
    channel = await ada.channel()

    async def both_agree() -> None:
        for person in (ada, grace):
            await agree(mirrors[person.id], person, f"users/{person.id}/active_conferences")

    await join(ada, channel)
    for is_private in (True, False, True):
        assert (await ada.patch(f"channels/{channel}", {"is_private": is_private}))[0] == 200
        await both_agree()
    members = Members(api.store.members, api.store, api.store.directory, SystemClock())
    await members.appoint(api.organization, UUID(channel), UUID(grace.id))
    await both_agree()
    assert (await ada.delete(f"channels/{channel}/members/{grace.id}"))[0] == 204
    await both_agree()
    assert (await ada.delete(f"channels/{channel}"))[0] == 204
    await both_agree()
    assert mirrors[ada.id].collection(f"users/{ada.id}/active_conferences") == {}


async def test_a_live_inputs_life_without_its_key(api: Api) -> None:
    ada = first(api)
    channel, mirror = await ada.channel(), await mirror_of(api, ada)
    path, stream = f"channels/{channel}/conference", f"channels/{channel}/conference/create_stream"
    keys = [(await ada.made(stream))["stream_key"]]

    async def matches() -> None:
        await agree(mirror, ada, "conference/streams")
        answer = await ada.seen(stream)
        keys.append(answer.pop("stream_key"))
        assert mirror.collection(stream) == {answer["stream_uid"]: answer}

    await matches()
    await ada.post(stream, {"latency_mode": "low", "slate_image_url": "https://example.com/slate.png"})
    await matches()
    assert (await ada.post(f"{path}/rotate_key"))[0] == 200
    rotated = await mirror.read()
    assert [(each[0].rpartition("/")[2], each[1]) for each in rotated] == [("create_stream", "changed")]
    await matches()
    for action in ("disable", "enable"):
        assert (await ada.post(f"{path}/{action}"))[0] == 200
        await matches()
    assert (await ada.post(stream, {}))[0] == 200
    assert await mirror.read() == []
    assert len(set(keys)) == 2 and not any(key in str(mirror.seen) for key in keys)
    await ada.delete(f"channels/{channel}")
    await mirror.read()
    assert mirror.collection(stream) == {} and mirror.collection("conference/streams") == {}


async def test_a_lost_live_input_is_removed_and_another_one_added(api: Api) -> None:
    ada = first(api)
    channel, mirror = await ada.channel(), await mirror_of(api, ada)
    stream = f"channels/{channel}/conference/create_stream"
    lost = (await ada.made(stream))["stream_uid"]
    await api.provider.delete_input(lost)
    assert (await ada.get(stream))[0] == 404
    found = (await ada.made(stream))["stream_uid"]
    events = [each for each in await mirror.read() if each[0].endswith("/create_stream")]
    assert [each[1:] for each in events] == [("added", lost), ("removed", lost), ("added", found)]


async def test_sessions_start_and_stop_with_an_event(api: Api) -> None:
    ada = first(api)
    channel, mirror = await ada.channel(), await mirror_of(api, ada)
    path = f"channels/{channel}/conference/stream_session"
    for action in ("start", "start", "stop", "stop"):
        assert (await ada.post(path, {"action": action}))[0] == 200
        await agree(mirror, ada, f"{path}s")
    assert len([each for each in mirror.seen if each.channel.endswith("/stream_sessions")]) == 2


async def test_an_announced_change_that_no_process_recorded_is_recorded_at_the_next_start(api: Api) -> None:
    ada = first(api)
    channel, mirror = await ada.channel(), await mirror_of(api, ada)
    stream = f"channels/{channel}/conference/create_stream"
    uid = (await ada.made(stream))["stream_uid"]

    await api.store.claims.announce_change(UUID(channel), uid, datetime.now(UTC))
    await api.provider.set_enabled(uid, False)  # and the process dies
    await mirror.read()
    assert await api.streams.sweep() == 0  # it may still be at work
    assert await api.streams.reconcile() == 1
    await mirror.read()
    assert mirror.collection(stream)[uid]["enabled"] is False
    assert await api.streams.reconcile() == 0


async def test_a_broadcast_changes_the_list_the_public_status_and_the_recordings(api: Api) -> None:
    ada = first(api)
    channel, mirror = await ada.channel(), await mirror_of(api, ada)
    path = f"channels/{channel}/conference"
    uid = (await ada.made(f"{path}/create_stream"))["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    await api.writers.settled()
    await agree(mirror, ada, f"{path}/stream_sessions")
    assert mirror.collection("conference/streams")[uid]["state"] == "live"
    api.provider.end(uid)
    await api.writers.settled()
    await agree(mirror, ada, f"{path}/recorded_streams", f"{path}/stream_sessions")
    assert mirror.collection("conference/streams")[uid]["state"] == "ended"
    status = [each for each in mirror.seen if each.channel.endswith("/stream_status")]
    assert {each.audience.scope for each in status} == {Scope.PUBLIC}
    async with api.client.get(status[-1].channel) as response:
        answer = await response.json()
    del answer["viewer_count"]
    assert {each.resource_id for each in status} == {channel} and status[-1].resource == answer
