"""A client that knows only the events of the log, and keeps the resources that a user may read up to date with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from service.api.realtime.personal import PresentMembers, needs_member
from service.domain.events.event import Action, Event, Scope
from service.store import Store

ID = {"members": "member_id", "streams": "uid", "recorded_streams": "uid", "active_conferences": "channel_id"}
"""The attribute that is the `resource_id`, by the last part of the collection's path; `id` elsewhere."""


@dataclass
class Mirror:
    """What user `user_id` of an organization would have on the screen. Call `read` after each change, as a socket does."""

    store: Store
    organization_id: UUID
    user_id: UUID
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[Event] = field(default_factory=list)

    async def read(self) -> list[tuple[str, str, str]]:
        """Apply the events since the last call. Return their paths (from the organization on), actions and resource ids."""
        after = self.seen[-1].id if self.seen else 0
        new = await self.store.events.events(self.organization_id, after, 1_000)
        self.seen += new
        return [described for event in new if (described := await self._apply(event)) is not None]

    def collection(self, path: str) -> dict[str, Any]:
        """Return the resources of a collection by id. `path`: below the organization."""
        return self.resources.get(f"/api/pub/v1/orgs/{self.organization_id}/{path}", {})

    async def _apply(self, event: Event) -> tuple[str, str, str] | None:
        if event.audience.scope is Scope.USER:
            if event.audience.subject != self.user_id:
                return None
            resource: Any = event.resource
        else:
            resource = event.resource
            scope, subject = event.audience.scope, event.audience.subject
            if scope is Scope.MEMBERS and self.user_id not in await self.store.members.readers(subject or UUID(int=0)):
                return None
            if needs_member(event):
                present = PresentMembers(self.store.members)
                await present.know(UUID(event.resource_id), [self.user_id])
                own = present.attributes(self.user_id, event.action)
                if own is None:
                    return None
                resource = {**(resource or {}), **own}
        path = event.channel_for(self.user_id)
        collection = self.resources.setdefault(path, {})
        match event.action:
            case Action.ADDED:
                collection[event.resource_id] = resource
            case Action.CHANGED:
                if event.resource_id in collection:
                    collection[event.resource_id] |= resource
            case Action.REMOVED:
                assert resource is None
                collection.pop(event.resource_id, None)
        return path.partition(str(self.organization_id))[2], event.action.value, event.resource_id


def by_id(path: str, items: list[Any]) -> dict[str, Any]:
    """Return the items of a collection as `Mirror.collection` does."""
    return {item[ID.get(path.rpartition("/")[2], "id")]: item for item in items}
