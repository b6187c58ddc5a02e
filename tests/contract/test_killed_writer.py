"""A process that dies between two statements leaves both a change and its event, or neither, on both databases."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.events.event import Event
from service.store import Store
from service.store.conversation_tables import members, messages
from service.store.presence import call_presences
from service.store.sessions import stream_sessions
from service.store.tables import channels, live_inputs, retired_inputs
from tests.contract.conversation import new_conversation

ROOT = Path(__file__).parent.parent.parent
FEWEST_STATEMENTS = 60
"""Of a round with one of every kind of change. If there were fewer, the kills would not reach all of them."""


async def rows(store: Store, table: Any) -> list[Any]:
    async def query(connection: AsyncConnection) -> list[Any]:
        return list((await connection.execute(select(table))).mappings())

    return await store.database.read(query)


class Log:
    """The events of an organization, by the last part of their paths."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    def ids(self, collection: str, action: str, attribute: str = "") -> Counter[str]:
        """Return how often each resource id is in an event of a collection; with `attribute`, of those that name it."""
        return Counter(
            each.resource_id
            for each in self.events
            if each.channel.rpartition("/")[2] == collection
            and each.action == action
            and (not attribute or attribute in (each.resource or {}))
        )


async def test_kills_at_every_statement_leave_changes_with_their_events_or_neither(store: Store, request: Any) -> None:
    room = await new_conversation(store, 2)
    first = {str(each["id"]) for each in await rows(store, channels)}
    url = str(request.getfixturevalue(f"migrated_{store.database.dialect}"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.killed_writer",
        url, str(room.organization_id), str(room.members[0]), str(room.id),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed
    attempts = int(printed.split()[-1])
    assert attempts > FEWEST_STATEMENTS
    log = Log(await store.events.events(room.organization_id, 0, 100_000))
    assert [each.id for each in log.events] == sorted({each.id for each in log.events})

    stored = {str(each["id"]): each for each in await rows(store, messages)}
    assert log.ids("messages", "added") == Counter(dict.fromkeys(stored, 1))
    edited = Counter(identity for identity, each in stored.items() if each["is_edited"])
    assert log.ids("messages", "changed", "is_edited") == edited and edited
    deleted = Counter(identity for identity, each in stored.items() if each["type"] == "deleted")
    assert log.ids("messages", "changed", "type") == deleted and deleted

    made = {str(each["id"]): each for each in await rows(store, channels) if str(each["id"]) not in first}
    assert log.ids("channels", "added") == Counter(dict.fromkeys(made, 1))
    described = Counter(identity for identity, each in made.items() if each["description"])
    assert log.ids("channels", "changed", "description") == described and described
    gone = Counter(identity for identity, each in made.items() if each["deleted_at"] is not None)
    assert log.ids("channels", "removed") == gone and gone

    inputs = {str(each["uid"]) for each in await rows(store, live_inputs) if each["uid"] is not None}
    retired = {str(each["uid"]) for each in await rows(store, retired_inputs)}
    assert log.ids("create_stream", "added") == Counter(dict.fromkeys(inputs | retired, 1))
    assert log.ids("create_stream", "removed") == Counter(dict.fromkeys(retired, 1)) and retired
    for each in await rows(store, live_inputs):
        if each["uid"] is not None and each["change_announced_at"] is None:
            options = [event.resource for event in log.events if event.resource_id == each["uid"]]
            known = [options["reconnect_timeout"] for options in options if options and "reconnect_timeout" in options]
            assert known[-1] == each["reconnect_timeout"]

    sessions = {str(each["id"]): each for each in await rows(store, stream_sessions)}
    assert log.ids("stream_sessions", "added") == Counter(dict.fromkeys(sessions, 1))
    stopped = Counter(identity for identity, each in sessions.items() if each["stopped_at"] is not None)
    assert log.ids("stream_sessions", "changed") == stopped and stopped

    everyone = await rows(store, members)
    (mine,) = [each for each in everyone if (each["channel_id"], each["user_id"]) == (room.id, room.members[0])]
    seen = [each.resource for each in log.events if each.channel.endswith("/members") and each.action == "changed"]
    assert datetime.fromisoformat(str((seen[-1] or {})["last_seen_at"])) == mine["last_seen_at"]
    modes = [each for each in log.events if each.channel.endswith("/notification_settings")]
    assert modes[-1].resource is not None and modes[-1].resource["mode"] == mine["mode"]
    calls = [each for each in log.events if each.channel.endswith("/active_conferences")]
    assert {each.resource_id for each in calls} == {
        str(each["channel_id"]) for each in await rows(store, call_presences)
    }
    assert json.dumps([each.resource for each in log.events]).count("stream_key") == 0
