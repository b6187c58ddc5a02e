"""Pages of channels, whose order changes while a client reads them: every message moves its channel.

So that no channel is missed or listed twice, all pages show the order at the time of the first page, which the cursors carry. This
is the time of the latest message that the first page could see, not of a clock: a message that is stored later is later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from service.domain.entities import Channel
from service.domain.paging import Page, PageAnchor, PageRequest, cut, known_ordering

NEWEST_FIRST = "-latest_message_created_at"
ORDERINGS = ("created_at", "-created_at", "latest_message_created_at", NEWEST_FIRST)
DEFAULT_ORDERING = NEWEST_FIRST

T = TypeVar("T")

Ask = Callable[[str, PageRequest, datetime | None], Awaitable[Sequence[T]]]
"""Reads a page from the store, in this order, as at that time (None: as now)."""


async def page_of_channels(
    ordering: str, request: PageRequest, ask: Ask[T], channel_of: Callable[[T], Channel]
) -> Page[T]:
    """Return the page. An unknown ordering is the default one."""
    known = known_ordering(ordering, ORDERINGS, DEFAULT_ORDERING)
    since = request.since
    by_creation = known.lstrip("-") == "created_at"
    if not by_creation and since is None and (request.anchor is not None or known != NEWEST_FIRST):
        newest = await ask(NEWEST_FIRST, PageRequest(0), None)
        since = _latest(channel_of(newest[0])) if newest else None
    found = await ask(known, request, None if by_creation else since)
    if since is None and found:
        since = _latest(channel_of(found[0]))
    place = place_in(known, since)
    return cut(found, request, lambda each: place(channel_of(each)))


def place_in(ordering: str, since: datetime | None = None) -> Callable[[Channel], PageAnchor]:
    """Return a function from a channel to its anchor in that order, for pages that began at `since`."""
    by_creation = ordering.lstrip("-") == "created_at"

    def place(channel: Channel) -> PageAnchor:
        if by_creation:
            return PageAnchor(channel.created_at, str(channel.id))
        return PageAnchor(_latest(channel), str(channel.id), since=since)

    return place


def _latest(channel: Channel) -> datetime:
    return channel.listed_at or channel.latest_message_created_at
