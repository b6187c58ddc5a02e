"""The in-memory twin of the registry of broadcasts, for one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from providers.base import InputUid
from providers.local.ownership.port import (
    ALONE_DEAD_AFTER,
    Carried,
    Claim,
    ClaimHeld,
    HeartbeatOverdue,
    Membership,
    MembershipLost,
    Node,
    Renewal,
)


@dataclass(slots=True)
class _Broadcast:
    claim: Claim
    member: Membership
    held: bool
    claimed_at: float


class MemoryOwnership:
    """Implements `Ownership`. `clock` gives Unix time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time, dead_after: float = ALONE_DEAD_AFTER) -> None:
        self._clock = clock
        self.dead_after = dead_after
        self._nodes: dict[str, Node] = {}
        self._incarnations: dict[str, int] = {}
        self._running: dict[InputUid, _Broadcast] = {}
        self._fences: dict[InputUid, int] = {}

    async def join(self, node: str, url: str | None = None) -> Membership:
        incarnation = self._incarnations[node] = self._incarnations.get(node, 0) + 1
        now = self._now()
        self._nodes[node] = Node(node, url, incarnation, now, now, alive=True)
        return Membership(node, incarnation)

    async def renew(self, member: Membership) -> Renewal:
        self._nodes[member.node] = replace(self._current(member), seen_at=self._now())
        claims = (each.claim for each in self._running.values() if each.member == member)
        others = [each for each in self._nodes.values() if each.name != member.node and self._is_alive(each)]
        return Renewal(frozenset(claims), len(others))

    async def leave(self, member: Membership) -> None:
        node = self._nodes.get(member.node)
        if node is not None and node.incarnation == member.incarnation:
            del self._nodes[member.node]

    async def claim(self, member: Membership, input_uid: InputUid, uid: str) -> Claim:
        if not self._is_alive(self._current(member)):
            raise HeartbeatOverdue(member.node)
        running = self._running.get(input_uid)
        if running is not None and running.held and running.member.node != member.node and self._carries(running):
            raise ClaimHeld(running.member.node)
        fence = self._fences[input_uid] = self._fences.get(input_uid, 0) + 1
        claim = Claim(uid, input_uid, fence) if running is None else replace(running.claim, fence=fence)
        self._running[input_uid] = _Broadcast(claim, member, held=True, claimed_at=self._clock())
        return claim

    async def note(self, claim: Claim, *, held: bool | None = None, state: str | None = None) -> bool:
        running = self._running.get(claim.input_uid)
        if running is None or running.claim != claim:
            return False
        running.held = running.held if held is None else held
        running.claim = running.claim if state is None else replace(running.claim, state=state)
        return True

    async def end(self, claim: Claim) -> bool:
        running = self._running.get(claim.input_uid)
        if running is None or running.claim != claim:
            return False
        del self._running[claim.input_uid]
        return True

    async def carried(self, input_uid: InputUid) -> Carried | None:
        running = self._running.get(input_uid)
        return None if running is None else self._shown(running)

    async def running(self) -> list[Carried]:
        return [self._shown(each) for each in sorted(self._running.values(), key=lambda each: each.claimed_at)]

    async def nodes(self) -> list[Node]:
        return [replace(each, alive=self._is_alive(each)) for _, each in sorted(self._nodes.items())]

    def _current(self, member: Membership) -> Node:
        node = self._nodes.get(member.node)
        if node is None or node.incarnation != member.incarnation:
            raise MembershipLost(member.node)
        return node

    def _is_alive(self, node: Node) -> bool:
        return self._clock() - node.seen_at.timestamp() <= self.dead_after

    def _carries(self, broadcast: _Broadcast) -> bool:
        """Return whether the run of the node that made the claim is alive."""
        node = self._nodes.get(broadcast.member.node)
        return node is not None and node.incarnation == broadcast.member.incarnation and self._is_alive(node)

    def _shown(self, broadcast: _Broadcast) -> Carried:
        node = self._nodes.get(broadcast.member.node)
        at = datetime.fromtimestamp(broadcast.claimed_at, UTC)
        url = None if node is None else node.url
        return Carried(broadcast.claim, broadcast.member.node, url, broadcast.held, self._carries(broadcast), at)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
