"""The registry of broadcasts: nodes with their heartbeats, and at most one running broadcast for each live input.

    join ─▶ renew … renew ─▶ leave
              └── another process joined under this name ──▶ MembershipLost

    claim ─▶ held ──note(held=False)──▶ open ──claim──▶ held, by any node, under the next fence
               │                          └──note(held=True)──▶ held, by the same node
               ├──(its node is dead)──▶ claim, by any node
               └──end──▶ ended

A claim is held while an encoder has the key. Only an open broadcast, or one of a dead node, can be taken over. The fence of an
input grows with each claim; calls with an older one change nothing. All times are of the clock that the nodes share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from providers.base import InputUid

DEAD_AFTER = 5.0
"""Seconds without a heartbeat after which a node is dead and its broadcasts can be taken over."""

ALONE_DEAD_AFTER = 150.0
"""The same where one process has the registry to itself (SQLite, memory): the heartbeat only tells the operator that it runs."""


class OwnershipError(Exception):
    """A claim was not made.

    ClaimHeld: another live node carries the broadcast.
    HeartbeatOverdue: this node counts as dead until it renews.
    MembershipLost: another process has joined under this node's name, or the node has left.
    """


class ClaimHeld(OwnershipError):
    """Another live node carries the broadcast."""

    def __init__(self, node: str) -> None:
        super().__init__(f"node {node} carries this broadcast")
        self.node = node


class HeartbeatOverdue(OwnershipError):
    """This node counts as dead until it renews: another node may take its broadcasts over at any moment."""


class MembershipLost(OwnershipError):
    """Another process has joined under this node's name, or the node has left. It must join again."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A run of a node's process. `incarnation` grows with each `join` under the same name."""

    node: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry a broadcast.

    Attributes:
        uid: The broadcast.
        input_uid: Its live input.
        fence: Grows with each claim on this input.
        state: What was last noted of the broadcast, by any node.
    """

    uid: str
    input_uid: InputUid
    fence: int
    state: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a heartbeat.

    Attributes:
        claims: The broadcasts that this run of the node carries, held or open.
        others: How many other nodes are alive.
    """

    claims: frozenset[Claim]
    others: int


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the others see it. `url` is where they reach it."""

    name: str
    url: str | None
    incarnation: int
    joined_at: datetime
    seen_at: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """A running broadcast and the node that carries it. `alive` is whether that run of the node is; `url` is the node's."""

    claim: Claim
    node: str
    url: str | None
    held: bool
    alive: bool
    claimed_at: datetime


class Ownership(Protocol):
    """The registry. Claiming, taking over, noting and ending are atomic.

    Errors: each call may raise an error of the driver when the registry does not answer. It may have been done then.
    """

    @property
    def dead_after(self) -> float:
        """Seconds without a heartbeat after which a node is dead."""

    async def join(self, node: str, url: str | None = None) -> Membership:
        """Enter the node. Broadcasts of a former process of this name are free, because that process has ended.

        Args:
            node: The node's name, 1 to 64 characters. One process at a time may use it, which the caller ensures.
            url: Where other nodes reach this one; None if they do not.

        Returns:
            The membership of this process, which the other calls need. It ends with `leave`, or when another process joins under
            this name.
        """

    async def renew(self, member: Membership) -> Renewal:
        """Report that this node is alive. It counts as dead `dead_after` seconds after the last report.

        Args:
            member: The node.

        Returns:
            The broadcasts that this run of the node carries, and how many other nodes are alive.

        Raises:
            MembershipLost: This membership is over.
        """

    async def leave(self, member: Membership) -> None:
        """Give up all claims and count as dead at once. Do nothing if the membership is lost.

        Args:
            member: The node.
        """

    async def claim(self, member: Membership, input_uid: InputUid, uid: str) -> Claim:
        """Carry the input's broadcast: the running one if it is open or its node is dead, else a new one, and hold it.

        Args:
            member: The node.
            input_uid: The live input.
            uid: Identifies the broadcast if a new one begins; never used before.

        Returns:
            The claim. Its `uid` is another one than that given if the running broadcast was taken over.

        Raises:
            ClaimHeld: Another live node holds it.
            HeartbeatOverdue: The last `renew` is more than `dead_after` ago.
            MembershipLost: This membership is over.
        """

    async def note(self, claim: Claim, *, held: bool | None = None, state: str | None = None) -> bool:
        """Store what is given; None changes nothing.

        Args:
            claim: The claim.
            held: Whether an encoder has the key. Any node may take over a broadcast that is not held.
            state: The state of the broadcast, for nodes that cannot learn it from its owner.

        Returns:
            False if the claim is lost: taken over, or its broadcast ended. Nothing is stored then.
        """

    async def end(self, claim: Claim) -> bool:
        """End the broadcast: the next claim on the input begins a new one.

        Args:
            claim: The claim.

        Returns:
            False if the claim is lost: taken over, or its broadcast ended before.
        """

    async def carried(self, input_uid: InputUid) -> Carried | None:
        """Return the running broadcast of an input.

        Args:
            input_uid: The live input.

        Returns:
            The broadcast and its node, alive or dead; None if the input has no running broadcast.
        """

    async def running(self) -> list[Carried]:
        """Return all running broadcasts.

        Returns:
            The broadcasts of all nodes, dead ones too, ordered by the time of their claims.
        """

    async def nodes(self) -> list[Node]:
        """Return the nodes that have joined and not left.

        Returns:
            The nodes ordered by name, dead ones too.
        """
