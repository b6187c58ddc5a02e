"""A process that is killed at each statement it sends: python -m tests.contract.killed_writer URL ORGANIZATION USER CHANNEL

It forks for each attempt. Attempt N makes some changes and kills itself (SIGKILL) before its statement, or commit, N, until one
gets through. Prints the number of attempts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import event

from providers.memory import MemoryProvider
from service.api.changes import describe
from service.clock import SystemClock
from service.domain.access.accounts import Identity
from service.domain.conversation.channels import Channels, NewChannel
from service.domain.conversation.meetings import Meetings, MeetingSigner
from service.domain.conversation.members import Members
from service.domain.conversation.messages import Draft, Messages
from service.domain.conversation.ports import MemberChanges
from service.domain.entities import Channel, MessageType, NotifyMode
from service.domain.streams.session import StreamSession
from service.domain.streams.sessions import Sessions, close_session
from service.domain.streams.streams import OptionChanges, Streams
from service.store import Store

MOST_ATTEMPTS = 400
BODY = {"version": 3, "chunks": [{"type": "text", "text": "Hello"}]}


def kill_at(store: Store, number: int) -> None:
    """Kill this process before the statement, or commit, with that number."""
    engine = store.database._engine.sync_engine
    left = number

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)


class Closer:
    """Ends sessions as the keeper does, without an audience."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def finish(self, session: StreamSession, input_uid: str | None, at: datetime) -> None:
        async with self._store.transaction() as tx:
            await close_session(tx, session, at)


class Writer:
    """Makes changes of every kind, in parts that are killed separately: an attempt repeats what its part did before."""

    def __init__(self, store: Store, client: Identity, channel: Channel) -> None:
        clock, provider = SystemClock(), MemoryProvider()
        signer = MeetingSigner("tests", "jitsi", "*", "a secret that is long enough for its purpose")
        meetings = Meetings(store.presence, store, store.accounts, signer, clock)
        self.client, self.channel, self.clock = client, channel, clock
        self.messages = Messages(store.messages, store, clock, meetings.note_call)
        self.channels = Channels(store.channels, store, clock, store.directory)
        self.members = Members(store.members, store, store.directory, clock)
        self.streams = Streams(provider, store.channels, store.claims, store, clock)
        self.sessions = Sessions(store.sessions, store, Closer(store), clock)

    async def converse(self, number: int) -> None:
        draft = Draft(BODY, MessageType.CALL_REQUEST, notify_channel=True)
        message, _ = await self.messages.post(self.client, self.channel.id, draft)
        await self.messages.edit(self.client, self.channel.id, message.id, {**BODY, "chunks": []})
        await self.messages.delete(self.client, self.channel.id, message.id)

    async def take_part(self, number: int) -> None:
        assert self.client.user is not None
        user_id = self.client.user.id
        seen = MemberChanges(sees=True, last_seen_at=self.clock.now())
        await self.members.change(self.client, self.channel.id, user_id, seen)
        await self.members.set_mode(self.client, self.channel.id, user_id, list(NotifyMode)[number % 3])

    async def organize(self, number: int) -> None:
        new = NewChannel(f"Attempt {number}")
        channel = await self.channels.create(self.channel.organization_id, self.client.user_id, new)
        await self.channels.change(self.client, channel.id, {"description": "changed"})
        await self.channels.delete(self.client, channel.id)

    async def stream(self, number: int) -> None:
        await self.streams.ensure(self.channel)
        await self.streams.ensure(self.channel, OptionChanges(reconnect_timeout=number))
        await self.streams.set_enabled(self.channel, False)
        await self.sessions.start(self.channel)
        await self.sessions.stop(self.channel, None)
        await self.streams.end(self.channel.id)


PARTS = (Writer.converse, Writer.take_part, Writer.organize, Writer.stream)


async def attempt(url: str, ids: list[UUID], part: int, number: int) -> None:
    """Do one part, and die before the statement with that number."""
    store = Store(url, describe)
    organization, user = await store.accounts.organization(ids[0]), await store.accounts.user(ids[1])
    channel = await store.channels.channel(ids[0], ids[2])
    assert organization is not None and user is not None and channel is not None
    kill_at(store, number)
    await PARTS[part](Writer(store, Identity(organization, user), channel), number)
    await store.aclose()


def attempts_of(url: str, ids: list[UUID], part: int) -> int:
    """Return the number of attempts until one gets through. Raise RuntimeError if one fails in another way."""
    for number in range(1, MOST_ATTEMPTS):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                asyncio.run(attempt(url, ids, part, number))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status) == 0:
                return number
            break
    raise RuntimeError("an attempt failed, or there are too many statements")


if __name__ == "__main__":
    print(sum(attempts_of(sys.argv[1], [UUID(each) for each in sys.argv[2:]], part) for part in range(len(PARTS))))
