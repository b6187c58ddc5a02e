"""What an organization has streamed and can stream."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from providers.base import InputUid, Phase
from service.domain.errors import NotFound, Unavailable
from service.domain.paging import Page, PageAnchor, PageRequest
from service.domain.streams.queries import QueryLimits
from service.store import Store
from tests.contract.conversation import START, Conversation, channel_of, new_conversation, new_users
from tests.stage import StoredStage
from tests.unit.service.domain.identities import identity_of


async def new_channels(stage: StoredStage, chat: Conversation, count: int) -> list[InputUid]:
    """Create channels with an input each; return the inputs' uids."""
    uids = []
    for number in range(count):
        channel = channel_of(chat.organization_id, name=f"Channel {number}")
        await stage.store.channels.add_channel(channel)
        uids.append(await stage.input(channel))
    return uids


async def test_streams_are_listed_newest_first_and_found_by_a_part_of_the_name(
    store: Store, stage: StoredStage
) -> None:
    chat = await new_conversation(store)
    uids = await new_channels(stage, chat, 3)
    page = await stage.queries.streams(chat.organization_id, PageRequest(9))
    assert [each.stream.uid for each in page.items] == uids[::-1]
    found = await stage.queries.streams(chat.organization_id, PageRequest(9), search="NEL 1")
    assert [each.stream.uid for each in found.items] == [uids[1]]


@pytest.mark.parametrize("query_limits", [QueryLimits(scans=(1,))], ids=["a scan would find next to nothing"])
@pytest.mark.parametrize("backward", [False, True])
async def test_pages_of_what_is_on_air_are_full_however_rare_it_is(
    store: Store, stage: StoredStage, backward: bool
) -> None:
    chat, elsewhere = await new_conversation(store), await new_conversation(store)
    uids = await new_channels(stage, chat, 12)
    on_air = [uids[number] for number in (0, 3, 4, 8, 10)]
    for uid in (*on_air, uids[6], *await new_channels(stage, elsewhere, 1)):
        stage.provider.connect(uid)
    stage.provider.make_watchable(uids[6])
    start = PageAnchor(START, str(UUID(int=0)), backward=True) if backward else None
    pages: list[list[str]] = []
    request: PageRequest | None = PageRequest(2, start)
    while request is not None and len(pages) < 9:
        page = await stage.queries.streams(chat.organization_id, request, states={Phase.CONNECTING})
        pages.append([each.stream.uid for each in page.items])
        assert {each.summary.state for each in page.items} == {Phase.CONNECTING}
        further = page.previous if backward else page.next
        request = further and PageRequest(2, further)
    newest_first = on_air[::-1]
    halves = [newest_first[at : at + 2] for at in (0, 2, 4)]
    assert pages == ([newest_first[3:], newest_first[1:3], newest_first[:1]] if backward else halves)


async def test_a_stream_is_listed_in_the_state_it_has_now_though_it_was_just_asked_about(
    store: Store, stage: StoredStage
) -> None:
    chat = await new_conversation(store)
    (uid,) = await new_channels(stage, chat, 1)
    (before,) = (await stage.queries.streams(chat.organization_id, PageRequest(9))).items
    stage.provider.connect(uid)
    (after,) = (await stage.queries.streams(chat.organization_id, PageRequest(9), states={Phase.CONNECTING})).items
    assert (before.summary.state, after.summary.state) == (Phase.OFFLINE, Phase.CONNECTING)


@pytest.mark.parametrize("query_limits", [QueryLimits(max_on_air=2)], ids=["two by uid"])
async def test_more_on_air_than_can_be_named_are_scanned_for(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    uids = await new_channels(stage, chat, 3)
    for uid in uids:
        stage.provider.connect(uid)
    page = await stage.queries.streams(chat.organization_id, PageRequest(9), states={Phase.CONNECTING})
    assert [each.stream.uid for each in page.items] == uids[::-1]


@pytest.mark.parametrize("query_limits", [QueryLimits(scans=(1, 3))], ids=["small scans"])
async def test_a_list_by_a_state_at_rest_goes_on_where_its_scan_ended(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    uids = await new_channels(stage, chat, 7)
    stage.broadcast(uids[0])  # the oldest: only the second page's scan comes to it
    pages: list[Page[object]] = []
    request = PageRequest(5)
    while len(pages) < 5:
        page = await stage.queries.streams(chat.organization_id, request, states={Phase.ENDED})
        pages.append(page)  # type: ignore[arg-type]
        if page.next is None:
            break
        request = PageRequest(5, page.next)
    assert [len(each.items) for each in pages] == [0, 1]


async def test_an_outage_of_the_provider_is_unavailable(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    await new_channels(stage, chat, 1)
    stage.provider.fail()
    for states in (frozenset[Phase](), {Phase.LIVE}, {Phase.OFFLINE}, {Phase.LIVE, Phase.OFFLINE}):
        with pytest.raises(Unavailable):
            await stage.queries.streams(chat.organization_id, PageRequest(9), states=states)


async def test_recordings_of_every_input_a_channel_had_page_both_ways(store: Store, stage: StoredStage) -> None:
    chat = await new_conversation(store)
    recorded = []
    for _ in range(2):
        uid = await stage.input(chat.channel)
        recorded += [stage.broadcast(uid) for _ in range(2)]
        await stage.provider.delete_input(uid)
    await stage.input(chat.channel)
    first = await stage.queries.recordings(chat.channel, PageRequest(3))
    assert [each.uid for each in first.items] == recorded[:0:-1]
    second = await stage.queries.recordings(chat.channel, PageRequest(3, first.next))
    assert ([each.uid for each in second.items], second.next) == (recorded[:1], None)
    back = await stage.queries.recordings(chat.channel, PageRequest(3, second.previous))
    assert [each.uid for each in back.items] == [each.uid for each in first.items]


async def test_a_recording_of_a_deleted_private_channel_stays_with_its_members(
    store: Store, stage: StoredStage
) -> None:
    chat = await new_conversation(store, is_private=True)
    _, (stranger,) = await new_users(store, 1, chat.organization_id)
    recorded = stage.broadcast(await stage.input(chat.channel))
    found = await stage.queries.recording(await identity_of(chat, 1), recorded)
    assert (found[0].uid, found[1]) == (recorded, chat.id)
    with pytest.raises(NotFound):
        await stage.queries.recording(await identity_of(chat, stranger), recorded)
    await store.channels.remove_channel(chat.id, stage.clock.now() + timedelta(1))
    while await store.purge.purge_messages(10):
        pass
    for who in (1, None):
        assert (await stage.queries.recording(await identity_of(chat, who), recorded))[1] == chat.id
    with pytest.raises(NotFound):
        await stage.queries.recording(await identity_of(chat, stranger), recorded)


async def test_a_recording_of_another_organization_is_not_there(store: Store, stage: StoredStage) -> None:
    chat, other = await new_conversation(store), await new_conversation(store)
    recorded = stage.broadcast(await stage.input(other.channel))
    for uid in (recorded, uuid4().hex):
        with pytest.raises(NotFound):
            await stage.queries.recording(await identity_of(chat, 0), uid)
