"""Freshness of the connection the API reported for a live input: states and transitions."""

from __future__ import annotations

from enum import Enum, auto


class Freshness(Enum):
    """Freshness of the connection, as the API last described it."""

    CURRENT = auto()
    OUTDATED = auto()
    """Something happened since it was read, or it was never read: read it before it is served."""
    UNCONFIRMED = auto()
    """Outdated, and the API did not answer: served as degraded."""
    AGED = auto()
    """The API does not answer and it is old, though no change is known: served as degraded."""
    READING = auto()
    OVERTAKEN = auto()
    """Something happened while it is being read, so that the answer may be older."""

    @property
    def is_outdated(self) -> bool:
        """Whether the API has to be asked."""
        return self in (Freshness.OUTDATED, Freshness.UNCONFIRMED, Freshness.OVERTAKEN)

    @property
    def is_degraded(self) -> bool:
        """Whether the API could not be asked."""
        return self in (Freshness.UNCONFIRMED, Freshness.AGED)


class Trigger(Enum):
    """What changes the freshness."""

    CHANGED = auto()
    """A webhook, the delivery host or our own request says that something happened."""
    STARTED = auto()
    """A read of the API begins."""
    ANSWERED = auto()
    KEPT = auto()
    """The API did not answer; what is known is recent enough."""
    MISSED = auto()
    """The API did not answer; what is known is out of date."""
    EXPIRED = auto()
    """The API did not answer; what is known is old."""


TRANSITIONS: dict[tuple[Freshness, Trigger], Freshness] = {
    (Freshness.CURRENT, Trigger.CHANGED): Freshness.OUTDATED,
    (Freshness.OUTDATED, Trigger.CHANGED): Freshness.OUTDATED,
    (Freshness.UNCONFIRMED, Trigger.CHANGED): Freshness.UNCONFIRMED,
    (Freshness.AGED, Trigger.CHANGED): Freshness.UNCONFIRMED,
    (Freshness.READING, Trigger.CHANGED): Freshness.OVERTAKEN,
    (Freshness.OVERTAKEN, Trigger.CHANGED): Freshness.OVERTAKEN,
    (Freshness.CURRENT, Trigger.STARTED): Freshness.READING,
    (Freshness.OUTDATED, Trigger.STARTED): Freshness.READING,
    (Freshness.UNCONFIRMED, Trigger.STARTED): Freshness.READING,
    (Freshness.AGED, Trigger.STARTED): Freshness.READING,
    (Freshness.READING, Trigger.ANSWERED): Freshness.CURRENT,
    (Freshness.OVERTAKEN, Trigger.ANSWERED): Freshness.OUTDATED,
    (Freshness.READING, Trigger.KEPT): Freshness.CURRENT,
    (Freshness.READING, Trigger.MISSED): Freshness.UNCONFIRMED,
    (Freshness.OVERTAKEN, Trigger.MISSED): Freshness.UNCONFIRMED,
    (Freshness.READING, Trigger.EXPIRED): Freshness.AGED,
}
"""All transitions; any other is a fault in our own code (KeyError)."""
