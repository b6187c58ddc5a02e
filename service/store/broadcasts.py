"""The last report of each live input's broadcast, and the findings that its incoming stream has."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Column, String, Table, Text, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.base import EventKind, InputUid
from service.store.connections import Connections
from service.store.statements import insert_new
from service.store.tables import UtcDateTime, metadata

broadcast_reports = Table(
    "broadcast_reports",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("provider", String(32)),
    Column("kind", String(16)),  # NULL: none yet
    Column("reported_at", UtcDateTime),
    Column("findings", Text),  # the codes of the present ones, as JSON; NULL: none
)


class StoredBroadcasts:
    """Implements `domain.streams.broadcasts.BroadcastStore` and `domain.streams.health_watch.FindingStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def last_report(self, uid: InputUid) -> EventKind | None:
        async def change(connection: AsyncConnection) -> EventKind | None:
            # FOR UPDATE locks only a row that exists.
            await connection.execute(insert_new(connection, broadcast_reports, {"uid": uid}))
            wanted = select(broadcast_reports.c.kind).where(broadcast_reports.c.uid == uid).with_for_update()
            kind = (await connection.execute(wanted)).scalar_one()
            return None if kind is None else EventKind(kind)

        return await self._database.write(change)

    async def note_report(self, uid: InputUid, provider: str, kind: EventKind, at: datetime) -> None:
        noted = update(broadcast_reports).where(broadcast_reports.c.uid == uid)
        values = {"provider": provider, "kind": kind.value, "reported_at": at}
        await self._database.write(lambda connection: connection.execute(noted.values(values)))

    async def reported(self, provider: str, kinds: frozenset[EventKind], since: datetime, limit: int) -> list[InputUid]:
        wanted = (
            select(broadcast_reports.c.uid)
            .where(
                broadcast_reports.c.provider == provider,
                broadcast_reports.c.kind.in_([each.value for each in kinds]),
                broadcast_reports.c.reported_at >= since,
            )
            .order_by(broadcast_reports.c.reported_at.desc(), broadcast_reports.c.uid)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[InputUid]:
            return [InputUid(uid) for uid in (await connection.execute(wanted)).scalars()]

        return await self._database.read(query)

    async def note_findings(self, uid: InputUid, codes: Collection[str]) -> None:
        written = json.dumps(sorted(codes)) if codes else None

        async def change(connection: AsyncConnection) -> None:
            await connection.execute(insert_new(connection, broadcast_reports, {"uid": uid}))
            here = update(broadcast_reports).where(broadcast_reports.c.uid == uid)
            await connection.execute(here.values(findings=written))

        await self._database.write(change)

    async def locked_findings(self, uid: InputUid) -> frozenset[str]:
        async def change(connection: AsyncConnection) -> frozenset[str]:
            # FOR UPDATE locks only a row that exists.
            await connection.execute(insert_new(connection, broadcast_reports, {"uid": uid}))
            wanted = select(broadcast_reports.c.findings).where(broadcast_reports.c.uid == uid).with_for_update()
            return frozenset(json.loads((await connection.execute(wanted)).scalar_one() or "[]"))

        return await self._database.write(change)

    async def findings(self) -> dict[InputUid, frozenset[str]]:
        wanted = select(broadcast_reports.c.uid, broadcast_reports.c.findings).where(
            broadcast_reports.c.findings.is_not(None)
        )

        async def query(connection: AsyncConnection) -> dict[InputUid, frozenset[str]]:
            rows = await connection.execute(wanted)
            return {InputUid(row.uid): frozenset(json.loads(row.findings)) for row in rows}

        return await self._database.read(query)
