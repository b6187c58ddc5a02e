"""The claims of this node: made before an encoder is accepted, kept by one heartbeat for all, and given up in time.

    hold ─▶ renew … renew ─▶ open (no encoder) ─▶ hold ─▶ … ─▶ end
              ├── the registry names another node for a broadcast ──▶ `lost` is called: its encoder must leave
              └── the registry was out of reach for GIVE_UP of `dead_after` ──▶ `cut_off` is called: all encoders must leave

A node that has never met another live node is not cut off by an outage of the registry: no node can take over. One that has met
another is cut off until its process is restarted, also if it runs alone by then: it cannot know whether the others are dead or only
paused, or cannot reach the registry themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from providers.base import InputUid, Spawn
from providers.concurrency import SingleFlight
from providers.local.ownership.port import (
    Claim,
    HeartbeatOverdue,
    Membership,
    MembershipLost,
    Ownership,
    OwnershipError,
)

log = structlog.get_logger(__name__)

RENEWALS = 5
"""Heartbeats in the time after which a node is dead."""

GIVE_UP = 0.8
"""The share of that time after which a node without an answer sends its encoders away, before others take over."""

CLOSE_TIMEOUT = 2.0
"""Seconds that storing the last changes and leaving may take when the service stops."""


class NodeCutOff(OwnershipError):
    """This node has lost the registry, and other nodes may take its broadcasts over."""


@dataclass(frozen=True, slots=True)
class NodeName:
    """The name of this node, where other nodes reach it, and the key that the nodes of one database share."""

    name: str = "main"
    url: str | None = None
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of a claim that is not stored yet. `held` None: the broadcast has ended. `state`: None if nothing was described."""

    claim: Claim
    held: bool | None
    state: str | None = None

    async def store(self, ownership: Ownership) -> bool:
        if self.held is None:
            return await ownership.end(self.claim)
        return await ownership.note(self.claim, held=self.held, state=self.state)


class ClaimKeeper:
    """The claims of one node.

    Set `lost` (an input) and `cut_off` before `start`; they are called from the heartbeat. `monotonic` is a steady clock (seconds).
    """

    def __init__(self, ownership: Ownership, node: NodeName, spawn: Spawn, monotonic: Callable[[], float]) -> None:
        self._ownership = ownership
        self._node = node
        self._spawn = spawn
        self._monotonic = monotonic
        self.lost: Callable[[InputUid], None] = lambda _: None
        self.cut_off: Callable[[], None] = lambda: None
        self._claims: dict[InputUid, Claim] = {}
        self._held: set[InputUid] = set()
        self._claiming: set[InputUid] = set()
        self._turns = SingleFlight[InputUid, None]()
        self._changes: dict[InputUid, _Change] = {}
        self._wake = asyncio.Event()
        self._storing = SingleFlight[InputUid, None]()
        self._member: Membership | None = None
        self._joining = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._answered_at = 0.0
        self._alone = True
        self._is_cut_off = False
        self._silent = False

    async def start(self) -> None:
        """Join, and send heartbeats from now on. Errors: those of the registry's driver."""
        await self._joined()
        self._tasks = [
            self._spawn(self._send_heartbeats(), name="node heartbeat"),
            self._spawn(self._store_changes(), name="changes of claims"),
        ]

    async def aclose(self) -> None:
        """Give up all claims: any node may take the broadcasts over. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._member is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                for uid in list(self._changes):
                    await self._store(uid)
                await self._ownership.leave(self._member)
        except Exception as problem:  # the others find out after `dead_after`
            log.warning("claims not given up", problem=type(problem).__name__)

    @property
    def node_name(self) -> str:
        """The name of this node in the registry."""
        return self._node.name

    # The broadcasts

    async def hold(self, input_uid: InputUid) -> None:
        """Make sure that this node carries the input's broadcast, for an encoder that wants the key.

        Raises:
            ClaimHeld: Another node carries it, with an encoder.
            NodeCutOff: This node may not accept encoders.
        """
        if self._is_cut_off:
            raise NodeCutOff(self._node.name)
        if input_uid not in self._held:
            await self._turns.run(input_uid, lambda: self._hold(input_uid), share=False)

    async def _hold(self, input_uid: InputUid) -> None:
        if input_uid in self._held:
            return
        await self._store(input_uid)  # an end that is not stored yet would make the old broadcast go on
        self._claiming.add(input_uid)
        try:
            self._claims[input_uid] = await self._claim(input_uid)
            self._held.add(input_uid)
        finally:
            self._claiming.discard(input_uid)

    def open(self, input_uid: InputUid) -> None:
        """Let any node accept the next encoder: this one's is gone or frozen. Never waits."""
        if input_uid in self._held:
            self._held.discard(input_uid)
            self._note(input_uid)

    def close(self, input_uid: InputUid) -> None:
        """Keep other nodes out again: a frozen encoder sends. Never waits; `lost` is called if one was faster."""
        if input_uid in self._claims and input_uid not in self._held:
            self._held.add(input_uid)
            self._note(input_uid)

    def describe(self, input_uid: InputUid, state: str) -> None:
        """Store the state of a broadcast with its claim, for nodes that cannot learn it from this one. Never waits."""
        self._note(input_uid, state)

    @property
    def has_peers(self) -> bool:
        """Other nodes have been alive at some heartbeat of this process."""
        return not self._alone

    def _note(self, input_uid: InputUid, state: str | None = None) -> None:
        if (claim := self._claims.get(input_uid)) is None:
            return
        if state is None and (waiting := self._changes.get(input_uid)) is not None:
            state = waiting.state
        self._change(_Change(claim, input_uid in self._held, state))

    def end(self, input_uid: InputUid) -> None:
        """End the broadcast, if this node carries it. Never waits."""
        self._held.discard(input_uid)
        if (claim := self._claims.pop(input_uid, None)) is not None:
            self._change(_Change(claim, held=None))

    async def end_former(self) -> None:
        """End the broadcasts of former runs of this node that it does not carry now."""
        for each in await self._ownership.running():
            if each.node == self._node.name and each.claim.input_uid not in self._claims:
                await self._ownership.end(each.claim)

    async def _claim(self, input_uid: InputUid) -> Claim:
        try:
            return await self._ownership.claim(await self._joined(), input_uid, uuid4().hex)
        except HeartbeatOverdue:  # after a pause of the machine
            await self._ownership.renew(await self._joined())
            return await self._ownership.claim(await self._joined(), input_uid, uuid4().hex)

    # Changes, stored in the background

    def _change(self, change: _Change) -> None:
        self._changes[change.claim.input_uid] = change
        self._wake.set()

    async def _store_changes(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for uid in list(self._changes):
                try:
                    await self._store(uid)
                except Exception as problem:  # stored later, or void once another node has taken over
                    log.warning("claim not changed", input=uid, problem=type(problem).__name__)
                    self._wake.set()
                    await asyncio.sleep(self._ownership.dead_after / RENEWALS)
                    break

    async def _store(self, uid: InputUid) -> None:
        """Store the change of this claim, if there is one. Changes of other claims are not waited for."""
        await self._storing.run(uid, lambda: self._store_next(uid), share=False)

    async def _store_next(self, uid: InputUid) -> None:
        if (change := self._changes.pop(uid, None)) is None:
            return
        try:
            if await change.store(self._ownership) or self._claims.get(uid) != change.claim:
                return
            found = await self._ownership.carried(uid)
        except BaseException:
            self._changes.setdefault(uid, change)
            raise
        is_own = found is not None and found.node == self._node.name
        self._replace(change.claim, found.claim if found is not None and is_own else None)

    # The heartbeat

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._ownership.dead_after / RENEWALS)
            await self.renew()

    async def renew(self) -> None:
        """Send one heartbeat, and act on what the registry answers.

        Raises:
            MembershipLost: Another process uses this node's name. The service must stop.
        """
        asked_at, known = self._monotonic(), dict(self._claims)
        left = self._answered_at + GIVE_UP * self._ownership.dead_after - asked_at
        try:
            async with asyncio.timeout(self._patience(left)):
                renewal = await self._ownership.renew(await self._joined())
        except MembershipLost:
            log.error("another process has joined under the name of this node", node=self._node.name)
            for claim in known.values():
                self._lose(claim)
            raise
        except Exception as problem:
            self._miss(problem)
            return
        if self._silent:
            log.info("registry of broadcasts available again")
        self._answered_at, self._alone = asked_at, self._alone and renewal.others == 0
        self._is_cut_off = self._silent = False
        newest = {each.input_uid: each for each in renewal.claims}
        for uid, claim in known.items():
            if newest.get(uid) != claim:
                self._replace(claim, newest.get(uid))
        for claim in renewal.claims:
            if not any(claim.input_uid in each for each in (known, self._claims, self._claiming, self._changes)):
                self._changes[claim.input_uid] = _Change(claim, held=None)  # made by a call that was cancelled
                self._wake.set()

    def _patience(self, left: float) -> float:
        """Return how long the answer to a heartbeat may take, in seconds: not beyond the moment at which to give up."""
        if self._alone:  # nothing is given up
            return self._ownership.dead_after
        interval = self._ownership.dead_after / RENEWALS
        return interval if self._is_cut_off else max(interval / RENEWALS, min(interval, left))

    def _miss(self, problem: Exception) -> None:
        if not self._silent:
            self._silent = True
            log.warning("registry of broadcasts unavailable", problem=type(problem).__name__, alone=self._alone)
        late = self._monotonic() - self._answered_at >= GIVE_UP * self._ownership.dead_after
        if late and not self._alone and not self._is_cut_off:
            self._is_cut_off = True
            log.error("node cut off: its encoders are sent away", node=self._node.name)
            self.cut_off()

    def _replace(self, claim: Claim, newer: Claim | None) -> None:
        """Carry a broadcast on under this node's newer claim, made by a call that was cancelled; lose it if there is none."""
        uid = claim.input_uid
        if self._claims.get(uid) != claim or uid in self._claiming:  # `hold` gets the newest claim
            return
        if newer is None or newer.uid != claim.uid:
            self._lose(claim)
        else:
            self._claims[uid] = newer
            self._note(uid)

    def _lose(self, claim: Claim) -> None:
        log.warning("broadcast taken over by another node", input=claim.input_uid, fence=claim.fence)
        self._claims.pop(claim.input_uid, None)
        self._held.discard(claim.input_uid)
        self.lost(claim.input_uid)

    async def _joined(self) -> Membership:
        """Return the membership of this run; join first if it has none."""
        async with self._joining:
            if self._member is None:
                self._answered_at = self._monotonic()
                self._member = await self._ownership.join(self._node.name, self._node.url)
            return self._member
