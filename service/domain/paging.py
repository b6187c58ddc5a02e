"""Keyset paging: a page holds the items after, or before, an anchor. Inserted items do not shift pages."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageAnchor:
    """A position in an ordered collection: next to the item with these two values. `backward`: the page ends there.

    `since`: when paging began, for a collection whose order changes. Its pages show the order of that time.
    """

    at: datetime
    id: str
    backward: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `size` items from `anchor` on (None: from the start)."""

    size: int
    anchor: PageAnchor | None = None

    @property
    def backward(self) -> bool:
        return self.anchor is not None and self.anchor.backward

    @property
    def since(self) -> datetime | None:
        return None if self.anchor is None else self.anchor.since


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`as_of`: the items could not be read now, and are those of that time. None: current."""

    items: list[T]
    next: PageAnchor | None = None
    previous: PageAnchor | None = None
    as_of: datetime | None = None


def known_ordering(ordering: str, orderings: Container[str], default: str) -> str:
    """Return the first of the orderings, which are separated by commas, or the default if it is unknown.

    The others would change nothing: the id decides between equal values.
    """
    first = ordering.partition(",")[0]
    return first if first in orderings else default


def cut(found: Sequence[T], request: PageRequest, place: Callable[[T], PageAnchor]) -> Page[T]:
    """Return the page of the items that were found.

    `found` holds up to `size` + 1 items, nearest to the anchor first: in the order of the collection, or in reverse for a backward
    request. The additional item only shows that there are more. `place` returns an item's (forward) anchor.
    """
    more = len(found) > request.size
    items = list(found[: request.size])
    if request.backward:
        items.reverse()
    if not items:
        return Page([])
    first, last = place(items[0]), place(items[-1])
    before = replace(first, backward=True)
    if request.backward:
        return Page(items, next=last, previous=before if more else None)
    return Page(items, next=last if more else None, previous=before if request.anchor is not None else None)
