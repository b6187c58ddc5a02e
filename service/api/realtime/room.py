"""The subscriptions of one organization: who receives which event."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from cachetools import LRUCache

from service.api import channels
from service.api.realtime import wire
from service.api.realtime.metrics import RealtimeMetrics
from service.api.realtime.paths import Path
from service.api.realtime.personal import PresentMembers, needs_member
from service.domain.access.connection_access import Grant
from service.domain.conversation.ports import ReaderStore
from service.domain.entities import Entry
from service.domain.errors import DomainError, Forbidden, NotAuthenticated, NotFound
from service.domain.events.event import Action, Event, Scope


class Receiver(Protocol):
    """A socket, as far as rooms use it."""

    def send(self, data: bytes) -> None:
        """Send a frame, or cut the client off if it does not read. Must not wait or raise."""

    def end(self, subscription: Subscription, reason: DomainError) -> None:
        """Remove the subscription and send the reason."""

    async def permit(self, path: Path, grant: Grant | None) -> None:
        """Return if the client could GET the path. Errors: as `Path.permit`."""


@dataclass(slots=True, eq=False)
class Subscription:
    """A subscription of a socket. `after`: the id of the last event that needs no sending any more."""

    socket: Receiver
    path: Path
    form: wire.Form
    grant: Grant | None
    after: int = 0

    @property
    def user_id(self) -> UUID | None:
        return None if self.grant is None else self.grant.identity.user_id


class Room:
    """Implements `domain.events.ports.EventReader`.

    `position`: everything up to this id has been sent to the subscriptions. `uses`: subscriptions, and requests for one.
    """

    def __init__(self, organization_id: UUID, store: ReaderStore, metrics: RealtimeMetrics, max_audiences: int) -> None:
        self.organization_id = organization_id
        self.position = 0
        self.uses = 0
        self.rights_changes = 0
        """Number of events so far that may have ended a permission."""
        self.sockets: Counter[Receiver] = Counter()
        self._store = store
        self._metrics = metrics
        self._by_path: dict[str, set[Subscription]] = defaultdict(set)
        self._by_channel: dict[UUID, set[Subscription]] = defaultdict(set)
        self._audiences: LRUCache[UUID, frozenset[UUID]] = LRUCache(max_audiences)
        self._forgotten = 0
        """Number of audiences that have been forgotten because they changed."""
        self._channels = channels.PATH.format(organization_id=organization_id)

    def add(self, subscription: Subscription) -> None:
        """Send what is after its `after` from now on. There must be no await since that was compared with `position`."""
        for key in subscription.path.keys:
            self._by_path[key].add(subscription)
        if (channel_id := subscription.path.channel_id) is not None:
            self._by_channel[channel_id].add(subscription)
        self.sockets[subscription.socket] += 1

    def remove(self, subscription: Subscription) -> None:
        for key in subscription.path.keys:
            _discard(self._by_path, key, subscription)
        if (channel_id := subscription.path.channel_id) is not None:
            _discard(self._by_channel, channel_id, subscription)
        self.sockets[subscription.socket] -= 1
        if self.sockets[subscription.socket] <= 0:
            del self.sockets[subscription.socket]

    # Implements EventReader.

    async def receive(self, event: Event) -> None:
        channel_id = self._whose_rights(event)
        if channel_id is not None:
            self._audiences.pop(channel_id, None)
            self._forgotten += 1
        members = PresentMembers(self._store)
        # Each read is an await, during which more clients may have subscribed.
        while self._misses(event, members):
            await self._know(event, members, self._receivers(event))
        self._deliver(event, members)
        self.position = max(self.position, event.id)
        if channel_id is not None and event.action is not Action.ADDED:
            self.rights_changes += 1
            await self._check_again(channel_id)

    def missed(self) -> None:
        for subscription in {each for some in self._by_path.values() for each in some}:
            text = wire.missed(subscription.path.text, self.position, subscription.form)
            subscription.socket.send(wire.frame(text))

    async def change_for(self, subscription: Subscription, event: Event) -> str | None:
        """Return the message of an event that is replayed; None if the client may not read it, or it is of another path."""
        if not set(subscription.path.keys).intersection(_keys(event)):
            return None
        members = PresentMembers(self._store)
        await self._know(event, members, [subscription])
        return self._message(subscription, event, members)

    def _receivers(self, event: Event) -> list[Subscription]:
        return [each for key in _keys(event) for each in self._by_path.get(key, ()) if event.id > each.after]

    def _deliver(self, event: Event, members: PresentMembers) -> None:
        frames: dict[tuple[str, wire.Form], bytes] = {}
        differ, sent = needs_member(event), 0
        for subscription in self._receivers(event):
            kind = (subscription.path.text, subscription.form)
            frame = frames.get(kind)
            if frame is None or differ:
                message = self._message(subscription, event, members)
                if message is None:
                    continue
                frame = frames[kind] = wire.frame(message)
            elif not self._may_read(subscription, event):
                continue
            subscription.after = event.id
            subscription.socket.send(frame)
            sent += 1
        if sent:
            self._metrics.delivered(sent, event.created_at)

    def _message(self, subscription: Subscription, event: Event, members: PresentMembers) -> str | None:
        """Return the change message, or None if the client may not read the event."""
        if not self._may_read(subscription, event):
            return None
        more = None
        if needs_member(event):
            more = members.attributes(subscription.user_id, event.action)
            if more is None:
                return None
        return wire.change(event, subscription.path.text, subscription.form, more)

    def _may_read(self, subscription: Subscription, event: Event) -> bool:
        scope, subject = event.audience.scope, event.audience.subject
        if scope is Scope.PUBLIC:
            return True
        if subscription.grant is None:
            return False
        if scope is Scope.ORGANIZATION:
            return True
        if scope is Scope.USER:
            return subject == subscription.user_id
        return subject is not None and subscription.user_id in self._audiences.get(subject, ())

    def _misses(self, event: Event, members: PresentMembers) -> bool:
        """Return whether something must be read before the event can be delivered."""
        subject = event.audience.subject
        if event.audience.scope is Scope.MEMBERS and subject not in self._audiences:
            return bool(self._receivers(event))
        return needs_member(event) and members.misses(_users(self._receivers(event)))

    async def _know(self, event: Event, members: PresentMembers, receivers: Collection[Subscription]) -> None:
        """Read who is a member of the event's channel, where that decides who may read it or what it says."""
        subject = event.audience.subject
        while event.audience.scope is Scope.MEMBERS and subject is not None and subject not in self._audiences:
            state = self._forgotten
            found = await self._store.readers(subject)
            if state == self._forgotten:  # else these may be the members of before
                self._audiences[subject] = found
        if needs_member(event):
            await members.know(UUID(event.resource_id), _users(receivers))

    def _whose_rights(self, event: Event) -> UUID | None:
        """Return the channel whose readers the event changes, or None."""
        if event.channel == self._channels:
            narrows = event.action is Action.REMOVED or (event.resource is not None and "is_private" in event.resource)
            return UUID(event.resource_id) if narrows else None
        if event.action is Action.CHANGED:
            return None
        if event.channel.endswith("/members") and event.channel.startswith(self._channels):
            return UUID(event.channel.removeprefix(self._channels + "/").removesuffix("/members"))
        return None

    async def _check_again(self, channel_id: UUID) -> None:
        """End the subscriptions to paths of the channel whose GET would be refused now."""
        affected = list(self._by_channel.get(channel_id, ()))
        if not affected:
            return
        entry = await self._store.entry(self.organization_id, channel_id, None)
        readers = await self._store.readers(channel_id)
        for subscription in affected:
            if _is_plain(subscription.path) and _sees(subscription, entry, readers):
                continue
            try:
                await subscription.socket.permit(subscription.path, subscription.grant)
            except DomainError as refusal:
                if is_refusal(refusal):
                    subscription.socket.end(subscription, refusal)
                else:
                    raise


def _keys(event: Event) -> tuple[str, str]:
    """Return the paths whose subscriptions receive the event: the collection (or single resource), and the resource in it."""
    return event.channel, f"{event.channel}/{event.resource_id}"


def _users(subscriptions: Iterable[Subscription]) -> set[UUID]:
    return {each.user_id for each in subscriptions if each.user_id is not None}


def _is_plain(path: Path) -> bool:
    """Return whether the path is readable for all that see its channel, and not about one member or message."""
    return path.ids.keys() == {"organization_id", "channel_id"}


def _sees(subscription: Subscription, entry: Entry | None, readers: Collection[UUID]) -> bool:
    """Return whether the client sees the channel: `Entry.is_visible`, for the subscription's user."""
    if entry is None:
        return False
    is_member = subscription.user_id in readers
    return subscription.path.is_public or Entry(entry.channel, is_member, is_admin=False).is_visible


def is_refusal(error: DomainError) -> bool:
    """Return whether the error means that the client may not read a path, unlike an unavailable store."""
    return isinstance(error, NotFound | Forbidden | NotAuthenticated)


def _discard(index: dict[Any, set[Subscription]], key: Any, subscription: Subscription) -> None:
    index[key].discard(subscription)
    if not index[key]:
        del index[key]
