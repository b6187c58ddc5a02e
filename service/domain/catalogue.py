"""What an organization has streamed and can stream: its live inputs, and the recordings of a channel."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from providers.base import MAX_PAGE, Phase, Provider, Recording, RecordingPosition
from service.domain.entities import Channel, OwnedStream
from service.domain.paging import Anchor, Page, PageRequest, cut
from service.domain.ports import ClaimStore, LiveSummary, StateView
from service.domain.provider_errors import provider_errors

MAX_INPUTS = 20
"""The most inputs of one channel, the present one and earlier ones, whose recordings are listed."""

SCAN_BATCHES = 10
"""When a list is filtered by state: the most batches of MAX_PAGE streams looked at for one page."""

MAX_SCAN = 50
"""The most batches of MAX_PAGE recordings walked over to find the page before a place."""


@dataclass(frozen=True, slots=True)
class ListedStream:
    """A stream in its organization's list. It has no key, and so cannot leak it."""

    stream: OwnedStream
    rtmps_url: str
    view_url: str
    thumbnail: str
    summary: LiveSummary


class Catalogue:
    """Lists streams and recordings. Every method may raise Unavailable."""

    def __init__(self, provider: Provider, claims: ClaimStore, states: StateView) -> None:
        self._provider = provider
        self._claims = claims
        self._states = states

    async def streams(
        self, organization_id: UUID, request: PageRequest, *, search: str = "", state: Phase | None = None
    ) -> Page[ListedStream]:
        """The organization's live inputs, newest first.

        With `state` a page may be short though there is more: at most SCAN_BATCHES of MAX_PAGE streams are looked at for it.
        """
        if state is None:
            page = await self._owned(organization_id, search, request)
            return Page(await self._listed(page.items), page.next, page.previous)
        return await self._list_by_state(organization_id, request, search, state)

    async def _list_by_state(
        self, organization_id: UUID, request: PageRequest, search: str, state: Phase
    ) -> Page[ListedStream]:
        found: list[ListedStream] = []
        scan = PageRequest(MAX_PAGE, request.anchor)
        onward: Anchor | None = None
        for _ in range(SCAN_BATCHES):
            page = await self._owned(organization_id, search, scan)
            listed = await self._listed(page.items)
            found += [
                each for each in (reversed(listed) if request.backward else listed) if each.summary.state == state
            ]
            onward = page.previous if request.backward else page.next
            if onward is None or len(found) > request.size:
                break
            scan = PageRequest(MAX_PAGE, onward)
        page_found = cut(found, request, lambda each: _stream_place(each.stream))
        if len(found) > request.size or onward is None:
            return page_found
        # The scan ended before the collection did: go on from where it stopped, though the page is short or empty.
        if request.backward:
            return Page(page_found.items, next=page_found.next, previous=onward)
        return Page(page_found.items, next=onward, previous=page_found.previous)

    async def _owned(self, organization_id: UUID, search: str, request: PageRequest) -> Page[OwnedStream]:
        return cut(await self._claims.owned_streams(organization_id, search, request), request, _stream_place)

    async def _listed(self, streams: list[OwnedStream]) -> list[ListedStream]:
        with provider_errors():
            summaries = await self._states.states([each.uid for each in streams])
            return [self._shown(each, summaries.get(each.uid, LiveSummary(Phase.OFFLINE, 0))) for each in streams]

    def _shown(self, stream: OwnedStream, summary: LiveSummary) -> ListedStream:
        playback = self._provider.playback(stream.uid)
        return ListedStream(stream, self._provider.rtmps_url, playback.hls, playback.thumbnail, summary)

    async def recordings(self, channel: Channel, request: PageRequest) -> Page[Recording]:
        """What was broadcast in the channel, newest first, through every input it has had. Unknown channels have none."""
        uids = await self._claims.input_uids(channel.id, MAX_INPUTS)
        with provider_errors():
            if request.backward and request.anchor is not None:
                found = await self._recordings_before(uids, request.anchor, request.size + 1)
            else:
                after = None if request.anchor is None else RecordingPosition(request.anchor.at, request.anchor.id)
                found = await self._recordings_after(uids, after, request.size + 1)
        return cut(found, request, lambda each: Anchor(each.created, each.uid))

    async def _recordings_after(self, uids: list[str], after: RecordingPosition | None, limit: int) -> list[Recording]:
        """The newest `limit` (up to MAX_PAGE + 1) recordings of these inputs after that place."""
        found: list[Recording] = []
        for uid in uids:
            page = await self._provider.recordings(uid, after=after, limit=min(limit, MAX_PAGE))
            if len(page) == MAX_PAGE < limit:
                last = RecordingPosition(page[-1].created, page[-1].uid)
                page += await self._provider.recordings(uid, after=last, limit=limit - MAX_PAGE)
            found += page
        return heapq.nlargest(limit, found, key=_age)

    async def _recordings_before(self, uids: list[str], anchor: Anchor, limit: int) -> list[Recording]:
        """The `limit` recordings just before that place, nearest first. Providers only go forward: so do we, up to the place."""
        newer: list[Recording] = []
        after: RecordingPosition | None = None
        for _ in range(MAX_SCAN):
            page = await self._recordings_after(uids, after, MAX_PAGE)
            passed = [each for each in page if _age(each) > (anchor.at, anchor.id)]
            newer = (newer + passed)[-limit:]
            if len(passed) < MAX_PAGE:
                break
            after = RecordingPosition(page[-1].created, page[-1].uid)
        return newer[::-1]


def _age(recording: Recording) -> tuple[datetime, str]:
    return recording.created, recording.uid


def _stream_place(stream: OwnedStream) -> Anchor:
    return Anchor(stream.created_at, str(stream.channel_id))
