"""The registry of broadcasts, which the nodes share: who is alive, and who carries what.

Times are the database's, because the clocks of the nodes may differ. A claim is one statement: of simultaneous ones, the unique
index over the running broadcasts lets one insert, and the row's lock lets one take over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Interval,
    Row,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.base import InputUid
from providers.local.ownership.port import (
    DEAD_AFTER,
    Carried,
    Claim,
    ClaimHeld,
    HeartbeatOverdue,
    Membership,
    MembershipLost,
    Node,
    Renewal,
)
from service.store.connections import Connections
from service.store.ownership_tables import RUNNING, broadcasts, nodes
from service.store.statements import insertion
from service.store.tables import UtcDateTime

FORGET_AFTER = timedelta(days=7)
"""Time after which a node that has left or died is no longer listed, unless a broadcast of it is still running."""

CLAIM_ATTEMPTS = 5
"""Attempts of a claim that others overtake: the broadcast is released or ended while it is looked at."""


class StoredOwnership:
    """Implements `providers.local.ownership.port.Ownership`."""

    def __init__(self, database: Connections, dead_after: float = DEAD_AFTER) -> None:
        self._database = database
        self.dead_after = dead_after
        self._dead_after = timedelta(seconds=dead_after)

    async def join(self, node: str, url: str | None = None) -> Membership:
        async def change(connection: AsyncConnection) -> Membership:
            await connection.execute(_forgettable(connection))
            now = _ago(connection)
            row = {"name": node, "url": url, "incarnation": 1, "joined_at": now, "seen_at": now}
            entered = insertion(connection, nodes).values(row)
            new = {**row, "incarnation": nodes.c.incarnation + 1}
            entered = entered.on_conflict_do_update(index_elements=[nodes.c.name], set_=new)
            found = await connection.execute(entered.returning(nodes.c.incarnation))
            return Membership(node, found.scalar_one())

        return await self._database.write(change)

    async def renew(self, member: Membership) -> Renewal:
        mine = select(broadcasts).where(RUNNING, _by(member))

        async def change(connection: AsyncConnection) -> Renewal:
            seen = update(nodes).where(_is(member)).values(seen_at=_ago(connection))
            if (await connection.execute(seen)).rowcount != 1:
                raise MembershipLost(member.node)
            claims = frozenset(_claim(row) for row in await connection.execute(mine))
            others = select(func.count()).where(nodes.c.name != member.node, self._is_alive(connection))
            return Renewal(claims, (await connection.execute(others)).scalar_one())

        return await self._database.write(change)

    async def leave(self, member: Membership) -> None:
        async def change(connection: AsyncConnection) -> None:
            await connection.execute(update(nodes).where(_is(member)).values(seen_at=None))
            await connection.execute(update(broadcasts).where(RUNNING, _by(member)).values(is_held=False))

        await self._database.write(change)

    async def claim(self, member: Membership, input_uid: InputUid, uid: str) -> Claim:
        for _ in range(CLAIM_ATTEMPTS):
            try:
                if (claim := await self._try_claim(member, input_uid, uid)) is not None:
                    return claim
            except IntegrityError:  # the broadcast that was running in our snapshot has ended, under the same fence
                continue
            await self._require_alive(member)
            carried = await self.carried(input_uid)
            if carried is not None and carried.held and carried.alive:
                raise ClaimHeld(carried.node)
        raise ClaimHeld("another node" if carried is None else carried.node)

    async def _try_claim(self, member: Membership, input_uid: InputUid, uid: str) -> Claim | None:
        async def change(connection: AsyncConnection) -> Claim | None:
            earlier = select(func.coalesce(func.max(broadcasts.c.fence), 0)).where(broadcasts.c.input_uid == input_uid)
            new: dict[str, ColumnElement[Any]] = {
                "uid": literal(uid),
                "input_uid": literal(input_uid),
                "fence": earlier.scalar_subquery() + 1,
                "node": nodes.c.name,
                "incarnation": nodes.c.incarnation,
                "is_held": true(),
                "claimed_at": _ago(connection),
            }
            source = select(*new.values()).where(_is(member), self._is_alive(connection))
            begun = insertion(connection, broadcasts).from_select(list(new), source)
            taken = {name: begun.excluded[name] for name in ("node", "incarnation", "is_held", "claimed_at")}
            claim = begun.on_conflict_do_update(
                index_elements=[broadcasts.c.input_uid],
                index_where=RUNNING,
                set_={**taken, "fence": broadcasts.c.fence + 1},
                where=self._claimable(connection, member),
            ).returning(broadcasts)
            row = (await connection.execute(claim)).one_or_none()
            return None if row is None else _claim(row)

        return await self._database.write(change)

    def _claimable(self, connection: AsyncConnection, member: Membership) -> ColumnElement[bool]:
        """Return the condition for a running broadcast that this node may claim.

        While this statement waited for the row, its node may have joined, which the statement does not see: such a claim is young.
        """
        dead = and_(broadcasts.c.claimed_at < _ago(connection, self._dead_after), ~self._owner_is_alive(connection))
        return or_(broadcasts.c.is_held == false(), broadcasts.c.node == member.node, dead)

    async def _require_alive(self, member: Membership) -> None:
        async def query(connection: AsyncConnection) -> bool | None:
            alive = select(self._is_alive(connection)).where(_is(member))
            return (await connection.execute(alive)).scalar_one_or_none()

        alive = await self._database.read(query)
        if alive is None:
            raise MembershipLost(member.node)
        if not alive:
            raise HeartbeatOverdue(member.node)

    async def note(self, claim: Claim, *, held: bool | None = None, state: str | None = None) -> bool:
        given: dict[str, Any] = {"fence": claim.fence}
        if held is not None:
            given["is_held"] = held
        if state is not None:
            given["state"] = state
        noted = update(broadcasts).where(_under(claim)).values(given)
        return await self._database.write(lambda connection: _changes_one(connection, noted))

    async def end(self, claim: Claim) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            ended = update(broadcasts).where(_under(claim)).values(ended_at=_ago(connection), is_held=False)
            if not await _changes_one(connection, ended):
                return False
            earlier = broadcasts.c.input_uid == claim.input_uid, broadcasts.c.fence < claim.fence
            await connection.execute(delete(broadcasts).where(*earlier))
            return True

        return await self._database.write(change)

    async def carried(self, input_uid: InputUid) -> Carried | None:
        found = await self._carried(broadcasts.c.input_uid == input_uid)
        return found[0] if found else None

    async def running(self) -> list[Carried]:
        return await self._carried(true())

    async def _carried(self, condition: ColumnElement[bool]) -> list[Carried]:
        async def query(connection: AsyncConnection) -> list[Carried]:
            alive = self._owner_is_alive(connection)
            wanted = (
                select(broadcasts, nodes.c.url, alive.label("alive"))
                .select_from(broadcasts.outerjoin(nodes, nodes.c.name == broadcasts.c.node))
                .where(RUNNING, condition)
                .order_by(broadcasts.c.claimed_at, broadcasts.c.uid)
            )
            return [_carried(row) for row in await connection.execute(wanted)]

        return await self._database.read(query)

    async def nodes(self) -> list[Node]:
        async def query(connection: AsyncConnection) -> list[Node]:
            alive = self._is_alive(connection).label("alive")
            wanted = select(nodes, alive).where(nodes.c.seen_at.is_not(None)).order_by(nodes.c.name)
            rows = await connection.execute(wanted)
            return [
                Node(row.name, row.url, row.incarnation, row.joined_at, row.seen_at, bool(row.alive)) for row in rows
            ]

        return await self._database.read(query)

    def _is_alive(self, connection: AsyncConnection) -> ColumnElement[bool]:
        """Return the condition for a node that is alive; never NULL."""
        return case((nodes.c.seen_at >= _ago(connection, self._dead_after), true()), else_=false())

    def _owner_is_alive(self, connection: AsyncConnection) -> ColumnElement[bool]:
        owner = nodes.alias("owner")
        same = owner.c.name == broadcasts.c.node, owner.c.incarnation == broadcasts.c.incarnation
        fresh = owner.c.seen_at >= _ago(connection, self._dead_after)
        return exists().where(*same, fresh).correlate(broadcasts)


def _ago(connection: AsyncConnection, duration: timedelta = timedelta()) -> ColumnElement[datetime]:
    """Return the time `duration` before this statement, by the clock of PostgreSQL; with SQLite by that of the only machine."""
    if connection.dialect.name == "postgresql":
        return func.statement_timestamp(type_=DateTime(timezone=True)) - literal(duration, Interval())
    return literal(datetime.now(UTC) - duration, UtcDateTime())


def _is(member: Membership) -> ColumnElement[bool]:
    """Return the condition for the row of this run of the node, if it has not left."""
    return and_(nodes.c.name == member.node, nodes.c.incarnation == member.incarnation, nodes.c.seen_at.is_not(None))


def _by(member: Membership) -> ColumnElement[bool]:
    return and_(broadcasts.c.node == member.node, broadcasts.c.incarnation == member.incarnation)


def _under(claim: Claim) -> ColumnElement[bool]:
    """Return the condition for the broadcast, if the claim still holds."""
    return and_(broadcasts.c.uid == claim.uid, broadcasts.c.fence == claim.fence, RUNNING)


def _forgettable(connection: AsyncConnection) -> Any:
    """Return the statement that removes nodes that have long left or died and carry nothing."""
    carries = exists().where(broadcasts.c.node == nodes.c.name, RUNNING).correlate(nodes)
    old = func.coalesce(nodes.c.seen_at, nodes.c.joined_at) < _ago(connection, FORGET_AFTER)
    return delete(nodes).where(old, ~carries)


async def _changes_one(connection: AsyncConnection, statement: Any) -> bool:
    return (await connection.execute(statement)).rowcount == 1


def _claim(row: Row[Any]) -> Claim:
    return Claim(row.uid, InputUid(row.input_uid), row.fence, row.state)


def _carried(row: Row[Any]) -> Carried:
    return Carried(_claim(row), row.node, row.url, row.is_held, bool(row.alive), row.claimed_at)
