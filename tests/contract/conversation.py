"""A channel with members and messages, written directly to a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from service.domain.conversation.messages import Draft
from service.domain.entities import Channel, ChannelType, Message, MessageType, NewMessage, Organization, User
from service.domain.paging import PageAnchor, PageRequest, cut
from service.store import Store
from tests.clock import Clock

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
T = TypeVar("T")


@dataclass
class Conversation:
    """A channel and its members; the first one is its admin."""

    store: Store
    channel: Channel
    members: list[UUID]

    @property
    def organization_id(self) -> UUID:
        return self.channel.organization_id

    @property
    def id(self) -> UUID:
        return self.channel.id

    def message(self, author: UUID, text: str = "Hello", **more: Any) -> NewMessage:
        """`more`: fields of `NewMessage`, and `body` in place of the text."""
        body = more.pop("body", {"version": 3, "chunks": [{"type": "text", "text": text}]})
        new = NewMessage(
            id=uuid4(),
            channel_id=self.id,
            organization_id=self.organization_id,
            author_id=author,
            type=MessageType.USER,
            body=body,
            digest=Draft(body).digest(),
            notify_users=(),
            notify_channel=False,
        )
        return replace(new, **more)

    async def post(self, author: UUID, text: str = "Hello", at: datetime = START, **more: Any) -> Message:
        posted = await self.store.messages.post(self.message(author, text, **more), Clock(at))
        assert posted is not None
        return posted[0]

    async def unread(self, user: UUID) -> tuple[int, int]:
        """Return the user's unread messages and mentions."""
        member = await self.store.members.member(self.id, user)
        assert member is not None
        return member.unread_message_count, member.unread_mention_count


def user_of(organization_id: UUID, name: str = "Ada Lovelace") -> User:
    first, _, last = name.partition(" ")
    return User(uuid4(), organization_id, first, last, name, START, START)


async def new_users(store: Store, count: int, organization_id: UUID | None = None) -> tuple[UUID, list[UUID]]:
    """Create users of an organization (None: a new one); return its id and theirs."""
    organization = Organization(organization_id or uuid4(), "Acme", START)
    users = [user_of(organization.id, f"Person {number}") for number in range(count)]
    for each in users:
        await store.directory.add_user(organization, each)
    return organization.id, [each.id for each in users]


def channel_of(organization_id: UUID, creator: UUID | None = None, **more: Any) -> Channel:
    channel = Channel(
        uuid4(), organization_id, creator, "News", "", None, False, ChannelType.DEFAULT, START, START, START
    )
    return replace(channel, **more)


async def new_conversation(store: Store, size: int = 3, **more: Any) -> Conversation:
    """Create a channel with `size` members. `more`: fields of the channel."""
    organization_id, members = await new_users(store, size)
    channel = channel_of(organization_id, members[0], member_count=size, **more)
    await store.channels.add_channel(channel, members)
    return Conversation(store, channel, members)


async def every_page(
    ask: Callable[[PageRequest], Awaitable[list[T]]],
    place: Callable[[T], PageAnchor],
    size: int = 2,
    between: Callable[[], Awaitable[object]] | None = None,
) -> list[T]:
    """Return all items, page by page. Each page is also read backwards from the next one; `between` runs after each page."""
    found: list[T] = []
    request = PageRequest(size)
    while True:
        page = cut(await ask(request), request, place)
        if page.previous is not None:
            back = PageRequest(size, page.previous)
            assert cut(await ask(back), back, place).items == found[-size:]
        found += page.items
        if page.next is None:
            return found
        if between is not None:
            await between()
        request = PageRequest(size, page.next)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)
