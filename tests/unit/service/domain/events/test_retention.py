"""Old events are deleted in small steps in the background."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from service.concurrency.tasks import Tasks
from service.domain.events.event import Action, Audience, NewEvent, Scope
from service.domain.events.retention import EventRetention, RetentionLimits
from service.store import Store
from tests.clock import Clock
from tests.waiting import until

LIMITS = RetentionLimits(keep=timedelta(days=7), step=3, pause=0.0, every=3600.0)


async def test_events_are_deleted_once_they_are_too_old(store: Store, tasks: Tasks) -> None:
    organization = uuid4()
    async with store.transaction() as tx:
        for number in range(8):
            audience = Audience(Scope.ORGANIZATION)
            tx.append(NewEvent(organization, "/api/things", Action.REMOVED, str(number), None, audience))
    (first, *_) = await store.events.events(organization, 0, 10)
    clock = Clock(first.created_at + timedelta(days=6))
    retention = EventRetention(store.events, clock, tasks.spawn, LIMITS)
    assert await retention.sweep() == 0
    clock.advance(timedelta(days=1, minutes=1).total_seconds())
    retention.start()
    await until(lambda: retention.deleted == 8)
    await retention.aclose()
    await retention.aclose()
    head = (await store.events.heads([organization]))[organization]
    assert (head.first_id, head.last_id) == (9, 8)
    assert store.events_written == 8
