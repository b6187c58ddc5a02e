"""The changes that the domain records. `service/api/changes.py` gives each the form that API clients read.

A change is recorded in the transaction that makes it (`transaction.Transaction.record`), with the entities as they are afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.domain.entities import Channel, Message
from service.domain.events.event import NewEvent


@dataclass(frozen=True, slots=True)
class MessageAdded:
    channel: Channel
    message: Message


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """`fields`: the attributes of the message that have changed."""

    channel: Channel
    message: Message
    fields: tuple[str, ...]


Change = MessageAdded | MessageChanged

Describe = Callable[[Change], Sequence[NewEvent]]
"""Returns the events of a change."""
