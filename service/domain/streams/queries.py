"""Stream queries: an organization's live inputs, and a channel's recordings."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from providers.base import (
    MAX_PAGE,
    ON_AIR,
    InputUid,
    Phase,
    Provider,
    Recording,
    RecordingList,
    RecordingNotFound,
    RecordingPosition,
)
from service.domain.access.accounts import Identity
from service.domain.entities import Channel, ListedStream, LiveSummary, OwnedStream
from service.domain.errors import NotFound, provider_errors
from service.domain.paging import Page, PageAnchor, PageRequest, cut
from service.domain.status.ports import StateView
from service.domain.streams.ports import ClaimStore
from service.domain.streams.recording_details import ListedRecording, RecordingStore, listed


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Counts."""

    max_inputs: int = 20
    """Inputs of one channel, current and retired, whose recordings are listed."""
    max_on_air: int = 1_000
    """Inputs on the air that are looked up by uid, over all organizations: more than one machine carries. Else lists scan."""
    scans: tuple[int, ...] = (100, 200)
    """Batch sizes when a list that is filtered by state has to scan: a small batch, enough for a common state, then one large
    batch. A page scans no more."""
    max_scan: int = 50
    """Batches of MAX_PAGE recordings read to find the page before an anchor."""


NEW_SUMMARY = LiveSummary(Phase.OFFLINE, 0)
"""The summary of a new live input."""


class StreamQueries:
    """Lists streams and recordings. Every method may raise Unavailable."""

    def __init__(
        self,
        provider: Provider,
        claims: ClaimStore,
        recordings: RecordingStore,
        states: StateView,
        limits: QueryLimits | None = None,
    ) -> None:
        self._limits = limits or QueryLimits()
        self._provider = provider
        self._claims = claims
        self._details = recordings
        self._states = states

    async def streams(
        self,
        organization_id: UUID,
        request: PageRequest,
        *,
        search: str = "",
        states: Set[Phase] = frozenset(),
        user_id: UUID | None = None,
    ) -> Page[ListedStream]:
        """List the organization's live inputs, newest first: those of public channels and of the user's channels.

        `states`: only streams in one of these; empty: all. They are found by uid if the provider knows which they are. If not, a
        page may be short although there are more, because no more than `scans` streams are read for it.
        """
        phases = self._all_in(states) if states else None
        uids = None if phases is None else phases.keys()

        async def owned(wanted: PageRequest) -> Page[OwnedStream]:
            found = await self._claims.owned_streams(organization_id, search, wanted, user_id, uids)
            return cut(found, wanted, _stream_place)

        if states and phases is None:
            return await self._scan(owned, request, states)
        page = await owned(request)
        found = await self._listed(page.items, phases or {})
        return Page(found, page.next, page.previous, _oldest(each.summary for each in found))

    async def stream_of(self, channel: Channel) -> ListedStream | None:
        """Return the channel's row in the list, or None if it has no live input."""
        claim = await self._claims.claimed(channel.id)
        if claim is None or claim.uid is None:
            return None
        found = await self._listed([OwnedStream(channel.id, channel.name, claim.uid, claim.created_at)], {})
        return found[0] if found else None

    def _all_in(self, states: Set[Phase]) -> dict[InputUid, Phase] | None:
        """Return all inputs in these states, by uid; None if the provider does not know them, or there are too many."""
        if not states <= ON_AIR:
            return None
        with provider_errors():
            phases = self._provider.on_air()
        if phases is None:
            return None
        found = {uid: phase for uid, phase in phases.items() if phase in states}
        return found if len(found) <= self._limits.max_on_air else None

    async def _scan(
        self, owned: Callable[[PageRequest], Awaitable[Page[OwnedStream]]], request: PageRequest, states: Set[Phase]
    ) -> Page[ListedStream]:
        found: list[ListedStream] = []
        onward = request.anchor
        for size in self._limits.scans:
            page = await owned(PageRequest(size, onward))
            with provider_errors():
                summaries = await self._states.states([each.uid for each in page.items])
                found += [
                    self._shown(each, summaries[each.uid])
                    for each in (reversed(page.items) if request.backward else page.items)
                    if summaries[each.uid].state in states and not summaries[each.uid].lost
                ]
            onward = page.previous if request.backward else page.next
            if onward is None or len(found) > request.size:
                break
        page_found = cut(found, request, lambda each: _stream_place(each.stream))
        page_found = replace(page_found, as_of=_oldest(each.summary for each in found))
        if len(found) > request.size or onward is None:
            return page_found
        # The scan ended before the collection did: the next page continues there, although this one is short or empty.
        if request.backward:
            return replace(page_found, previous=onward)
        return replace(page_found, next=onward)

    async def _listed(self, streams: list[OwnedStream], phases: Mapping[InputUid, Phase]) -> list[ListedStream]:
        """Add the summaries. `phases`: current ones from the provider, by uid; a summary may be a second old."""
        with provider_errors():
            summaries = await self._states.states([each.uid for each in streams])
            streams = [each for each in streams if not summaries[each.uid].lost]
            summaries = {uid: replace(each, state=phases.get(uid, each.state)) for uid, each in summaries.items()}
            return [self._shown(each, summaries[each.uid]) for each in streams]

    def _shown(self, stream: OwnedStream, summary: LiveSummary) -> ListedStream:
        playback = self._provider.playback(stream.uid)
        return ListedStream(stream, self._provider.rtmps_url, playback.hls, playback.thumbnail, summary)

    async def recordings(self, channel: Channel, request: PageRequest) -> Page[ListedRecording]:
        """List the channel's recordings of all its inputs, newest first. Unknown channels have none.

        A page may be short although there are more, if the provider still lists deleted recordings.
        """
        uids = await self._claims.input_uids(channel.id, self._limits.max_inputs)
        with provider_errors(channel.organization_id):
            if request.backward and request.anchor is not None:
                found = await self._recordings_before(uids, request.anchor, request.size + 1)
            else:
                after = None if request.anchor is None else RecordingPosition(request.anchor.at, request.anchor.id)
                found = await self._recordings_after(uids, after, request.size + 1)
        page = cut(found, request, lambda each: PageAnchor(each.created, each.uid))
        return Page(await self._with_details(page.items), page.next, page.previous, found.as_of)

    async def recording(self, client: Identity, uid: str) -> tuple[ListedRecording, UUID]:
        """Return a recording and its channel. Former members of a deleted private channel may see its recordings.

        Raises:
            NotFound: There is no such recording, or the client may not see it.
        """
        return await self.visible_recording(client.organization.id, client.user_id, uid)

    async def visible_recording(
        self, organization_id: UUID, user_id: UUID | None, uid: str
    ) -> tuple[ListedRecording, UUID]:
        """Return a recording and its channel, as `recording` does for a client that is this user, or the organization."""
        try:
            with provider_errors(organization_id):
                recording = await self._provider.recording(uid)
        except RecordingNotFound:
            raise NotFound from None
        channel_id = await self._claims.channel_of_input(organization_id, recording.input_uid, user_id)
        shown = await self._with_details([recording])
        if channel_id is None or not shown:
            raise NotFound
        return shown[0], channel_id

    async def _with_details(self, recordings: Sequence[Recording]) -> list[ListedRecording]:
        """Return the recordings with their details, without the deleted ones."""
        details = await self._details.recording_details([each.uid for each in recordings])
        found = ((each, details.get(each.uid)) for each in recordings)
        return [listed(each, its) for each, its in found if its is None or not its.deleted]

    async def _recordings_after(
        self, uids: list[InputUid], after: RecordingPosition | None, limit: int
    ) -> RecordingList:
        """Return the newest `limit` (up to MAX_PAGE + 1) recordings of these inputs after a position."""
        pages: list[RecordingList] = []
        for uid in uids:
            pages.append(await self._provider.recordings(uid, after=after, limit=min(limit, MAX_PAGE)))
            if len(pages[-1]) == MAX_PAGE < limit:
                last = RecordingPosition(pages[-1][-1].created, pages[-1][-1].uid)
                pages.append(await self._provider.recordings(uid, after=last, limit=limit - MAX_PAGE))
        newest = heapq.nlargest(limit, (each for page in pages for each in page), key=_age)
        return RecordingList(newest, _oldest(pages))

    async def _recordings_before(self, uids: list[InputUid], anchor: PageAnchor, limit: int) -> RecordingList:
        """Return `limit` recordings just before an anchor, nearest first. Providers page forward only: all newer ones are read."""
        newer: list[Recording] = []
        pages: list[RecordingList] = []
        after: RecordingPosition | None = None
        for _ in range(self._limits.max_scan):
            page = await self._recordings_after(uids, after, MAX_PAGE)
            pages.append(page)
            passed = [each for each in page if _age(each) > (anchor.at, anchor.id)]
            newer = (newer + passed)[-limit:]
            if len(passed) < MAX_PAGE:
                break
            after = RecordingPosition(page[-1].created, page[-1].uid)
        return RecordingList(newer[::-1], _oldest(pages))


def _oldest(parts: Iterable[RecordingList | LiveSummary]) -> datetime | None:
    """Return since when a list made of these parts may be out of date; None: it is current."""
    return min((each.as_of for each in parts if each.as_of is not None), default=None)


def _age(recording: Recording) -> tuple[datetime, str]:
    return recording.created, recording.uid


def _stream_place(stream: OwnedStream) -> PageAnchor:
    return PageAnchor(stream.created_at, str(stream.channel_id))
