"""Checks 18 to 22 of the Pub API's acceptance list: members of a channel, read positions and notification settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.api.conftest import Api
from tests.api.people import Person, new_user


async def test_check_18_the_same_members_always_get_the_same_direct_channel(ada: Person, bob: Person) -> None:
    answers = [
        await ada.post(f"users/{ada.id}/dm-channels", {"members": [bob.id]}),
        await ada.post(f"users/{ada.id}/dm-channels", {"members": [bob.id, ada.id, bob.id]}),
        await bob.post(f"users/{bob.id}/dm-channels", {"members": [ada.id]}),
    ]
    assert [status for status, _ in answers] == [201, 200, 200]
    assert len({channel["id"] for _, channel in answers}) == 1
    assert (answers[0][1]["type"], answers[0][1]["is_direct_message"], answers[0][1]["member_count"]) == (1, True, 2)


async def test_check_19_members_come_into_public_channels_but_not_into_direct_ones(
    api: Api, ada: Person, bob: Person
) -> None:
    direct, public = await ada.direct(bob), await ada.channel()
    carol = await new_user(api)
    assert (await ada.post(f"channels/{direct}/members", {"member_id": carol.id}))[0] == 400
    status, member = await ada.post(f"channels/{public}/members", {"member_id": bob.id})
    assert (status, member["member_id"], member["channel"], member["is_admin"]) == (201, bob.id, public, False)
    assert member["member"]["full_name"] == "Bob Kahn"


async def test_check_20_messages_after_the_last_seen_time_are_unread(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.say(channel)
    me = f"channels/{channel}/members/{ada.id}"
    assert (await ada.seen(me))["unread_message_count"] == 1
    soon = datetime.now(UTC) + timedelta(seconds=1)
    status, member = await ada.patch(me, {"last_seen_at": soon.isoformat(timespec="milliseconds")[:-6] + "Z"})
    assert (status, member["unread_message_count"]) == (200, 0)
    assert member["last_seen_at"].startswith(soon.isoformat(timespec="milliseconds")[:-6])
    await bob.say(channel)
    assert (await ada.seen(me))["unread_message_count"] == 1


async def test_check_21_notification_settings_are_there_from_the_beginning_and_have_two_spellings(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/members/{ada.id}/notification_settings"
    assert (await ada.seen(path))["mode"] == "unmuted"
    assert (await ada.patch(path, {"mode": "muted"}))[1]["mode"] == "muted"
    assert (await ada.patch(path, {"muted": "mentions"}))[1]["mode"] == "mentions"
    status, answer = await ada.patch(path, {"mode": "x"})
    assert (status, list(answer)) == (400, ["mode"])
    assert (await ada.seen(path))["mode"] == "mentions"


async def test_check_22_joined_channels_carry_what_is_unread_and_the_settings(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.say(channel, notify_users=[ada.id])
    await bob.say(channel)
    joined = await ada.all(f"users/{ada.id}/joined-channels?is_active=true")
    assert [each["id"] for each in joined] == [channel]
    assert (joined[0]["unread_message_count"], joined[0]["unread_mention_count"]) == (2, 1)
    assert joined[0]["member_notification_settings"]["mode"] == "unmuted"
    assert await ada.seen(f"users/{ada.id}/joined-channels/{channel}") == joined[0]
