"""Members of channels over HTTP: permissions, and counts that stay right under concurrent requests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from service.store.tables import users
from tests.api.conftest import Api
from tests.api.people import TIME, Person, new_user


def me(channel: str, person: Person) -> str:
    return f"channels/{channel}/members/{person.id}"


async def test_the_creator_is_a_member_and_admin(ada: Person) -> None:
    channel = await ada.channel()
    member = (await ada.all(f"channels/{channel}/members"))[0]
    assert (member["member_id"], member["is_admin"], member["channel_id"]) == (ada.id, True, channel)
    assert (member["last_seen_at"], member["unread_message_count"], member["unread_mention_count"]) == (None, 0, 0)
    assert TIME.fullmatch(member["created_at"])
    assert member["member"] == {
        "id": ada.id, "full_name": "Ada Byron Lovelace", "organization_id": str(ada.api.organization),
        "avatar_url": None, "is_bot": False, "is_online": False, "is_present": False, "is_deleted": False,
    }  # fmt: skip


async def test_a_channel_may_be_made_with_members(ada: Person, bob: Person) -> None:
    channel = await ada.made("channels", {"name": "Two", "members": [bob.id, bob.id.upper(), ada.id]})
    assert channel["member_count"] == 2
    assert not (await bob.seen(me(channel["id"], bob)))["is_admin"]


async def test_unknown_members_are_refused_and_no_channel_is_created(ada: Person) -> None:
    unknown = str(uuid4())
    status, answer = await ada.post("channels", {"name": "A", "members": [unknown]})
    assert (status, answer) == (400, {"members": [f'Invalid pk "{unknown}" - object does not exist.']})
    assert await ada.all("channels") == []


async def test_joining_twice_is_harmless_and_counted_once(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    answers = await asyncio.gather(*(bob.post(f"channels/{channel}/members", {"member_id": bob.id}) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200] * 7 + [201]
    assert len({member["id"] for _, member in answers}) == 1
    assert (await ada.seen(f"channels/{channel}"))["member_count"] == 2


async def test_a_user_of_another_organization_cannot_join(api: Api, ada: Person) -> None:
    stranger = await new_user(api, "Eve", uuid4())
    status, answer = await ada.post(f"channels/{await ada.channel()}/members", {"member_id": stranger.id})
    assert (status, list(answer)) == (400, ["member_id"])


async def test_a_private_channel_exists_for_its_members_only(api: Api, ada: Person, bob: Person) -> None:
    private = await ada.channel("Staff", is_private=True, members=[bob.id])
    message = await ada.say(private)
    carol = await new_user(api)
    places = [
        f"channels/{private}",
        f"channels/{private}/messages",
        f"channels/{private}/messages/{message['id']}",
        f"channels/{private}/members",
        me(private, ada),
        f"channels/{private}/conference/create_stream",
        f"channels/{private}/conference/recorded_streams",
    ]
    for place in places:
        assert await carol.get(place) == (404, {"detail": "Not found."}), place
    assert (await carol.post(f"channels/{private}/messages", {"body": {"version": 3}}))[0] == 404
    assert (await carol.post(f"channels/{private}/members", {"member_id": carol.id}))[0] == 404
    assert (await carol.post(f"channels/{private}/conference/create_stream"))[0] == 404
    assert await carol.all("channels") == []
    await ada.post(f"channels/{private}/conference/create_stream")
    assert await carol.all("conference/streams") == []
    assert [each["channel"] for each in await bob.all("conference/streams")] == [private]
    assert [each["id"] for each in await bob.all("channels")] == [private]
    assert (await bob.seen(f"channels/{private}/messages"))["results"] == [message]
    assert (await bob.post(f"channels/{private}/members", {"member_id": carol.id}))[0] == 400


async def test_only_an_admin_changes_or_deletes_the_channel(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.post(f"channels/{channel}/members", {"member_id": bob.id})
    assert (await bob.patch(f"channels/{channel}", {"name": "Bob's"}))[0] == 403
    assert (await bob.put(f"channels/{channel}", {"name": "Bob's"}))[0] == 403
    assert (await bob.delete(f"channels/{channel}"))[0] == 403
    assert (await bob.patch(me(channel, bob), {"is_admin": True}))[0] == 403
    assert (await ada.patch(me(channel, bob), {"is_admin": True}))[1]["is_admin"] is True
    assert (await bob.patch(f"channels/{channel}", {"name": "Bob's"}))[0] == 200


async def test_the_only_admin_stays_one(ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    assert (await ada.patch(me(channel, ada), {"is_admin": False}))[0] == 409
    await ada.patch(me(channel, bob), {"is_admin": True})
    assert (await ada.patch(me(channel, ada), {"is_admin": False}))[1]["is_admin"] is False


async def test_only_the_member_can_change_their_last_seen_time(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.post(f"channels/{channel}/members", {"member_id": bob.id})
    assert (await ada.patch(me(channel, bob), {"last_seen_at": "2026-01-01T00:00:00Z"}))[0] == 403
    for method in ("GET", "PATCH"):
        assert (await ada.call(method, me(channel, bob) + "/notification_settings", {"mode": "muted"}))[0] == 403


@pytest.mark.parametrize(
    "bad", ["yesterday", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "2100-02-29T00:00:00Z", 5, True]
)
async def test_a_moment_that_is_none_is_refused(ada: Person, bad: object) -> None:
    channel = await ada.channel()
    status, answer = await ada.patch(me(channel, ada), {"last_seen_at": bad})
    assert (status, list(answer)) == (400, ["last_seen_at"])


@pytest.mark.parametrize(
    "moment", ["2026-01-01T01:00:00+01:00", "2026-01-01T14:00:00+14:00", "2026-01-01T00:00:00.000000000Z"]
)
async def test_a_time_is_accepted_in_any_zone_and_precision(ada: Person, moment: str) -> None:
    channel = await ada.channel()
    _, member = await ada.patch(me(channel, ada), {"last_seen_at": moment})
    assert member["last_seen_at"] == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        ("2100-01-01T00:00:00Z", "2100-01-01T00:00:00.000000Z"),
        ("2400-02-29T12:00:00.5Z", "2400-02-29T12:00:00.500000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.000000Z"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.000000Z"),
    ],
)
async def test_a_moment_may_lie_in_any_future(ada: Person, moment: str, kept: str) -> None:
    channel = await ada.channel()
    status, member = await ada.patch(me(channel, ada), {"last_seen_at": moment})
    assert (status, member["last_seen_at"]) == (200, kept)
    assert (await ada.seen(me(channel, ada)))["last_seen_at"] == kept


async def test_a_member_leaves_and_an_admin_removes_members(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    for _ in range(2):
        await bob.post(f"channels/{channel}/members", {"member_id": bob.id})
        assert (await bob.delete(me(channel, ada)))[0] == 403
        assert await bob.delete(me(channel, bob)) == (204, None)
        assert (await bob.get(me(channel, bob)))[0] == 404
    await bob.post(f"channels/{channel}/members", {"member_id": bob.id})
    assert await ada.delete(me(channel, bob)) == (204, None)
    assert (await ada.delete(me(channel, bob)))[0] == 404
    assert (await ada.seen(f"channels/{channel}"))["member_count"] == 1
    assert await bob.all(f"users/{bob.id}/joined-channels") == []


async def test_messages_before_a_member_joined_are_not_unread(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await ada.say(channel)
    await bob.post(f"channels/{channel}/members", {"member_id": bob.id})
    assert (await bob.seen(me(channel, bob)))["unread_message_count"] == 0
    message = await ada.say(channel)
    await bob.say(channel)
    assert (await bob.seen(me(channel, bob)))["unread_message_count"] == 1
    await bob.patch(me(channel, bob), {"last_seen_at": message["created_at"]})
    assert (await bob.seen(me(channel, bob)))["unread_message_count"] == 0
    await bob.patch(me(channel, bob), {"last_seen_at": "2020-01-01T00:00:00Z"})
    assert (await bob.seen(me(channel, bob)))["unread_message_count"] == 2


async def test_mentions_are_counted_for_those_meant(api: Api, ada: Person, bob: Person) -> None:
    carol = await new_user(api)
    channel = await ada.channel(members=[bob.id, carol.id])
    await ada.say(channel, notify_users=[bob.id, ada.id, str(uuid4())], notify_teams=["whoever"])
    to_all = await ada.say(channel, notify_channel=True, notify_users=[bob.id])
    await ada.say(channel)

    async def counts(person: Person) -> tuple[int, int]:
        member = await person.seen(me(channel, person))
        return member["unread_message_count"], member["unread_mention_count"]

    assert [await counts(each) for each in (ada, bob, carol)] == [(0, 0), (3, 2), (3, 1)]
    await bob.patch(me(channel, bob), {"last_seen_at": None})
    assert await counts(bob) == (3, 2)
    await ada.delete(f"channels/{channel}/messages/{to_all['id']}")
    await ada.delete(f"channels/{channel}/messages/{to_all['id']}")
    assert [await counts(each) for each in (ada, bob, carol)] == [(0, 0), (2, 1), (2, 0)]
    await bob.patch(me(channel, bob), {"last_seen_at": None})
    assert await counts(bob) == (2, 1)


async def test_counts_are_exact_when_all_post_read_and_delete_at_once(ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    gone = [await ada.say(channel) for _ in range(6)]

    async def see() -> None:
        await bob.patch(me(channel, bob), {"last_seen_at": None})

    await asyncio.gather(
        *(ada.say(channel, notify_users=[bob.id]) for _ in range(20)),
        *(ada.delete(f"channels/{channel}/messages/{each['id']}") for each in gone),
        *(see() for _ in range(6)),
        *(bob.say(channel) for _ in range(6)),
    )
    member = await bob.seen(me(channel, bob))
    assert (member["unread_message_count"], member["unread_mention_count"]) == (20, 20)
    assert (await ada.seen(me(channel, ada)))["unread_message_count"] == 6


@pytest.mark.parametrize(
    ("sent", "mode"),
    [
        ({"muted": True}, "muted"),
        ({"muted": False}, "unmuted"),
        ({"muted": "muted", "mode": "mentions"}, "mentions"),
        ({}, "unmuted"),
        ({"level": 3}, "unmuted"),
    ],
)
async def test_settings_understand_both_spellings(ada: Person, sent: dict[str, object], mode: str) -> None:
    channel = await ada.channel()
    status, settings = await ada.patch(me(channel, ada) + "/notification_settings", sent)
    assert (status, settings["mode"]) == (200, mode)
    assert (settings["channel"], settings["user_id"], "muted" in settings) == (channel, ada.id, False)


async def test_settings_belong_to_a_membership(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    assert (await bob.get(me(channel, bob) + "/notification_settings"))[0] == 404


async def test_members_page_both_ways(api: Api, ada: Person) -> None:
    people = [await new_user(api, f"Person {number}") for number in range(5)]
    channel = await ada.channel(members=[each.id for each in people])
    up = await ada.all(f"channels/{channel}/members?ordering=created_at&page_size=2")
    assert up == (await ada.all(f"channels/{channel}/members?page_size=4"))[::-1]
    assert {each["member_id"] for each in up} == {ada.id, *(each.id for each in people)}


async def test_the_only_admin_cannot_leave_before_another_one_is_appointed(ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    status, answer = await ada.delete(me(channel, ada))
    assert (status, list(answer)) == (409, ["detail"])
    assert (await ada.patch(me(channel, bob), {"is_admin": True}))[0] == 200
    assert (await ada.delete(me(channel, ada)))[0] == 204
    assert (await bob.delete(me(channel, bob)))[0] == 409
    assert (await bob.delete(f"channels/{channel}"))[0] == 204


async def test_an_admin_that_is_the_only_member_cannot_leave_either(ada: Person) -> None:
    channel = await ada.channel(is_private=True)
    assert (await ada.delete(me(channel, ada)))[0] == 409
    assert (await ada.delete(f"channels/{channel}"))[0] == 204


async def test_of_two_admins_that_leave_or_remove_each_other_at_once_one_stays(ada: Person, bob: Person) -> None:
    for leaves in (True, False):
        channel = await ada.channel(members=[bob.id])
        assert (await ada.patch(me(channel, bob), {"is_admin": True}))[0] == 200
        whom = (ada, bob) if leaves else (bob, ada)
        answers = await asyncio.gather(ada.delete(me(channel, whom[0])), bob.delete(me(channel, whom[1])))
        statuses = sorted(status for status, _ in answers)
        assert statuses[0] == 204 and statuses[1] in (403, 409), statuses
        members = [
            each for person in (ada, bob) for each in (await person.get(f"channels/{channel}/members"))[1]["results"]
        ]
        assert any(each["is_admin"] for each in members)


async def test_an_admin_whose_account_is_deleted_does_not_count(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    assert (await ada.patch(me(channel, bob), {"is_admin": True}))[0] == 200
    gone = update(users).where(users.c.id == UUID(bob.id)).values(deleted_at=datetime.now(UTC))
    await api.store.database.write(lambda connection: connection.execute(gone))
    assert (await ada.patch(me(channel, ada), {"is_admin": False}))[0] == 409
    assert (await ada.delete(me(channel, ada)))[0] == 409
    assert (await ada.delete(me(channel, bob)))[0] == 204


async def test_a_channel_created_with_an_organization_token_gets_an_admin(api: Api, ada: Person, bob: Person) -> None:
    issued = await api.accounts.create_token(api.organization, None)
    userless = Person(api, "", issued.secret)
    assert (await userless.post("channels", {"name": "Hidden", "is_private": True}))[0] == 400
    led = await userless.channel(is_private=True, members=[bob.id, ada.id])
    assert [
        each["member_id"] for each in (await bob.seen(f"channels/{led}/members"))["results"] if each["is_admin"]
    ] == [bob.id]
    lone = await userless.channel()
    assert (await ada.patch(f"channels/{lone}", {"name": "Taken over"}))[0] == 403
    assert (await userless.patch(f"channels/{lone}", {"name": "Renamed"}))[0] == 200
    await ada.made(f"channels/{lone}/members", {"member_id": ada.id})
    assert (await userless.patch(me(lone, ada), {"is_admin": True}))[0] == 200
    assert (await userless.patch(f"channels/{lone}", {"name": "Again"}))[0] == 403
    assert (await ada.delete(f"channels/{lone}"))[0] == 204


async def test_deletions_at_the_same_time_are_204_once_and_else_404(ada: Person, bob: Person) -> None:
    for _ in range(5):
        channel = await ada.channel(members=[bob.id])
        paths = [f"channels/{channel}"] * 12
        answers = await asyncio.gather(*(ada.delete(path) for path in paths))
        assert sorted(status for status, _ in answers) == [204, *[404] * 11]
        other = await ada.channel(members=[bob.id])
        answers = await asyncio.gather(*(ada.delete(me(other, bob)) for _ in range(6)), ada.delete(f"channels/{other}"))
        assert {status for status, _ in answers} <= {204, 404}
