"""Subscriptions that begin, resume and lose their rights while changes are made."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

from service.wiring.domain import Conference
from tests.api.conftest import Api
from tests.api.people import Person
from tests.api.realtime import SocketClient, socket_of
from tests.waiting import until

SOCKETS = 12
MESSAGES = 60


async def test_subscriptions_that_begin_among_changes_miss_and_repeat_none(
    api: Api, ada: Person, conference: Conference
) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        beginning = await socket.subscribed(path, ada.token)
    final, begun = str(uuid4()), set[int]()

    async def follow(number: int) -> tuple[int, list[int]]:
        """Begin at a random moment, some from the beginning; leave and resume twice."""
        await asyncio.sleep(random.random())
        since = beginning if number % 2 else None
        start, ids = beginning, list[int]()
        for last in (False, False, True):
            async with socket_of(api.client) as socket:
                more = {} if since is None else {"since": since}
                first = await socket.subscribed(path, ada.token, **more)
                start = first if since is None else start
                since = since or first
                begun.add(number)
                if await read(socket, ids, forever=last):
                    break
                since = ids[-1] if ids else since
        return start, ids

    async def read(socket: SocketClient, ids: list[int], *, forever: bool) -> bool:
        """Return whether the last change was received."""
        while forever or random.random() < 0.9:
            change = await socket.change()
            ids.append(change["id"])
            if change["resource_id"] == final:
                return True
        return False

    followers = [asyncio.create_task(follow(number)) for number in range(SOCKETS)]
    for number in range(MESSAGES):
        await ada.say(channel, str(number))
        await asyncio.sleep(random.random() / 40)
    await until(lambda: len(begun) == SOCKETS)
    await ada.say(channel, "the last one", id=final)
    events = await api.store.events.events(api.organization, beginning, 10_000, [path])
    assert events[-1].resource_id == final
    for start, ids in await asyncio.gather(*followers):
        assert ids == [each.id for each in events if each.id > start]


async def test_a_member_that_is_removed_during_a_replay_receives_nothing_newer(
    api: Api, ada: Person, bob: Person, conference: Conference
) -> None:
    channel = await ada.channel(is_private=True, members=[bob.id])
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        since = await socket.subscribed(path, bob.token)
    for number in range(30):
        await ada.say(channel, str(number))
    async with socket_of(api.client) as of_ada, socket_of(api.client) as of_bob:
        await of_ada.subscribed(path, ada.token)
        await of_bob.send({"action": "subscribe", "channel": path, "token": bob.token, "since": since})
        await ada.delete(f"channels/{channel}/members/{bob.id}")
        secret = await ada.say(channel, "secret")
        while (message := await of_bob.receive())["action"] in ("subscribed", "added"):
            assert message.get("resource_id") != secret["id"]
        assert (message["action"], message["status"]) in (("unsubscribed", 404), ("refused", 404))
