"""The board has the true status of every watched channel, and requests it once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from providers.base import InputState, Phase
from service.concurrency.tasks import Tasks
from service.domain.audience.viewer_window import ViewerCount
from service.domain.errors import NotFound, Unavailable
from service.domain.status.board import BoardLimits
from service.domain.status.ports import StreamRef
from service.domain.status.watched import Watched
from service.viewers.redis import RedisViewers
from tests.clock import Clock
from tests.servers import RedisServer
from tests.stage import UNHURRIED, PublicStage
from tests.waiting import until

HURRIED = BoardLimits(refresh_every=0.01, reload_every=0.0)


def state(watched: Watched) -> Phase:
    return watched.snapshot.status.state


async def test_a_channel_that_never_streamed_is_offline(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    status = (await stage.watch(stage.silent)).snapshot.status
    assert (status.is_connected, status.is_watchable, status.seconds_until_watchable) == (False, False, 0)


@pytest.mark.parametrize("spelling", ["00000000-0000-0000-0000-000000000000", "x", "", "0" * 32])
async def test_an_unknown_channel_is_not_found(tasks: Tasks, spelling: str) -> None:
    stage = await PublicStage(tasks).open()
    with pytest.raises(NotFound):
        await stage.board.watch(str(stage.organization), spelling)


async def test_a_channel_of_another_organization_is_not_found(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    with pytest.raises(NotFound):
        await stage.board.watch(str(uuid4()), str(stage.channel))


async def test_an_unknown_channel_is_not_looked_up_again_at_once(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    unknown = uuid4()
    for _ in range(5):
        with pytest.raises(NotFound):
            await stage.watch(unknown)
    assert stage.channels.asked == 1


async def test_a_channel_created_meanwhile_is_found_when_the_board_is_notified(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    made = uuid4()
    with pytest.raises(NotFound):
        await stage.watch(made)
    stage.channels.inputs[stage.organization, made] = None
    stage.board.changed(stage.organization, made)
    assert state(await stage.watch(made)) is Phase.OFFLINE


async def test_a_channel_created_during_its_lookup_is_found_by_the_next_request(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    made = uuid4()
    find = stage.channels.find_stream

    async def overtaken(organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        found = await find(organization_id, channel_id)
        stage.channels.inputs[organization_id, channel_id] = None
        stage.board.changed(organization_id, channel_id)
        return found

    stage.channels.find_stream = overtaken  # type: ignore[method-assign]
    with pytest.raises(NotFound):
        await stage.watch(made)
    assert state(await stage.watch(made)) is Phase.OFFLINE


async def test_a_live_input_created_while_its_channel_loads_is_used(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    entered, let_go = asyncio.Event(), asyncio.Event()

    read_state = stage.provider.state

    async def slow_state(uid: str) -> InputState:
        entered.set()
        await let_go.wait()
        return await read_state(uid)

    stage.provider.state = slow_state  # type: ignore[method-assign]
    stage.channels.inputs[stage.organization, stage.channel] = "f" * 32
    asking = asyncio.ensure_future(stage.watch())
    await entered.wait()
    stage.channels.inputs[stage.organization, stage.channel] = stage.uid
    stage.board.changed(stage.organization, stage.channel)
    let_go.set()
    watched = await asking
    await until(lambda: watched.snapshot.status.is_watchable)


async def test_a_clock_that_is_set_back_hides_no_channel(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, replace(UNHURRIED, unknown_for=0.0)).open()
    made = uuid4()
    with pytest.raises(NotFound):
        await stage.watch(made)
    stage.clock.set_back(3_600)
    stage.channels.inputs[stage.organization, made] = None
    assert state(await stage.watch(made)) is Phase.OFFLINE


async def test_simultaneous_first_polls_cause_one_lookup(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    await asyncio.gather(*(stage.watch() for _ in range(100)))
    assert (stage.channels.asked, stage.provider.calls["state"]) == (1, 1)


async def test_a_watched_channel_is_found_without_waiting_and_without_asking(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    watched = await stage.watch()
    found = [stage.board.find(str(stage.organization), str(stage.channel)) for _ in range(100)]
    assert found == [watched] * 100
    assert stage.provider.calls["state"] == 1


async def test_it_flips_on_the_event_and_not_on_the_timer(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    watched = await stage.watch()
    stage.provider.connect(stage.uid)
    await until(lambda: watched.snapshot.status.is_connected)
    assert watched.snapshot.status.seconds_until_watchable == 30
    stage.provider.make_watchable(stage.uid)
    await until(lambda: watched.snapshot.status.is_watchable)
    assert watched.snapshot.status.seconds_until_watchable == 0


async def test_a_drop_is_a_pause(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    watched = await stage.watch()
    stage.provider.drop(stage.uid)
    await until(lambda: state(watched) is Phase.RECONNECTING)
    assert (watched.snapshot.status.is_connected, watched.snapshot.status.is_watchable) == (False, True)


async def test_the_countdown_steps_at_its_second_and_not_on_the_timer(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.provider.connect(stage.uid)
    stage.clock.advance(28.9)
    watched = await stage.watch()
    assert watched.snapshot.status.seconds_until_watchable == 2
    stage.clock.advance(0.2)
    await until(lambda: watched.snapshot.status.seconds_until_watchable == 1)


async def test_the_countdown_runs_on_the_timer(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    stage.provider.connect(stage.uid)
    watched = await stage.watch()
    stage.clock.advance(10)
    await until(lambda: watched.snapshot.status.seconds_until_watchable == 20)


async def test_channels_added_one_after_another_are_refreshed_together(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    assert (await stage.watch(stage.silent)).due == (await stage.watch()).due


async def test_a_heartbeat_counts_while_the_stream_is_watchable(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    watched = await stage.watch()
    for visitor in ("ann", "bob", "ann"):
        stage.board.heartbeat(watched, visitor, new_visitor=True)
    await until(lambda: watched.snapshot.viewers.value == 2)


async def test_a_heartbeat_before_there_is_something_to_watch_does_not_count(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.provider.connect(stage.uid)
    watched = await stage.watch()
    stage.board.heartbeat(watched, "ann", new_visitor=True)
    assert (await stage.viewers.count(stage.uid, stage.clock.unix_ms())).value == 0


async def test_the_count_is_0_in_the_very_status_that_says_the_broadcast_has_ended(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    watched = await stage.watch()
    stage.board.heartbeat(watched, "ann", new_visitor=True)
    await until(lambda: watched.snapshot.viewers.value == 1)
    counts: list[tuple[Phase, int]] = []
    watched.notifier.listen(lambda: counts.append((state(watched), watched.snapshot.viewers.value)))
    stage.provider.end(stage.uid)
    await until(lambda: state(watched) is Phase.ENDED)
    assert [count for phase, count in counts if phase is Phase.ENDED] == [0]
    assert watched.snapshot.summary().viewer_count == 0
    assert (await stage.board.states([stage.uid]))[stage.uid].viewer_count == 0


async def test_a_stream_that_is_not_on_the_board_has_no_viewers_after_its_end_either(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    stage.viewers.seen(stage.uid, "ann", stage.clock.unix_ms())
    stage.provider.end(stage.uid)
    assert (await stage.board.states([stage.uid]))[stage.uid].viewer_count == 0


async def test_visitors_of_the_broadcast_before_do_not_count_in_the_next(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    watched = await stage.watch()
    stage.board.heartbeat(watched, "ann", new_visitor=True)
    stage.board.heartbeat(watched, "bob", new_visitor=True)
    await until(lambda: watched.snapshot.viewers.value == 2)
    stage.provider.end(stage.uid)
    await until(lambda: state(watched) is Phase.ENDED)

    stage.clock.advance(5.0)
    stage.go_live()
    await until(lambda: state(watched) is Phase.LIVE)
    stage.board.heartbeat(watched, "bob", new_visitor=True)
    await until(lambda: watched.snapshot.viewers.value == 1)
    assert (await stage.board.states([stage.uid]))[stage.uid].viewer_count == 1


async def test_visitors_without_heartbeats_do_not_count_two_minutes_later(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    stage.go_live()
    watched = await stage.watch()
    stage.board.heartbeat(watched, "ann")
    await until(lambda: watched.snapshot.viewers.value == 1)
    stage.clock.advance(120.001)
    await until(lambda: watched.snapshot.viewers.value == 0)


async def test_viewers_have_time_to_return_after_a_pause_of_the_process(tasks: Tasks) -> None:
    limits = replace(HURRIED, long_pause=0.2, hold_count=0.4)
    stage = await PublicStage(tasks, limits).open()
    stage.go_live()
    watched = await stage.watch()
    for name in ("ann", "bob"):
        stage.board.heartbeat(watched, name)
    await until(lambda: watched.snapshot.viewers.value == 2)
    stage.clock.advance(130.0)
    time.sleep(0.3)  # noqa: ASYNC251 - the pause
    await asyncio.sleep(0.1)
    assert watched.snapshot.viewers.value == 2
    stage.board.heartbeat(watched, "ann")
    await until(lambda: watched.snapshot.viewers.value == 1)


async def test_the_count_is_the_last_good_one_while_redis_is_unavailable_and_exact_afterwards(
    tasks: Tasks, redis_server: RedisServer
) -> None:
    clock = Clock()

    async def shared_time(_: object) -> int:
        return clock.unix_ms()

    viewers = RedisViewers(redis_server.url, spawn=tasks.spawn, digest_key=b"key", clock=clock, time_source=shared_time)
    stage = await PublicStage(tasks, HURRIED, viewers=viewers, clock=clock).open()
    stage.go_live()
    watched = await stage.watch()
    stage.board.heartbeat(watched, "ann")
    await until(lambda: watched.snapshot.viewers.value == 1)

    redis_server.stop()
    await until(lambda: watched.snapshot.viewers.degraded)
    stage.board.heartbeat(watched, "bob")
    assert (watched.snapshot.viewers.value, watched.snapshot.status.is_watchable) == (1, True)

    redis_server.start()
    await until(lambda: watched.snapshot.viewers == ViewerCount(2, clock.unix_ms()))
    await stage.board.aclose()
    await viewers.aclose()


async def test_new_visitors_cause_no_request_to_the_provider(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    watched = await stage.watch()
    asked = stage.provider.calls["state"]
    stage.board.heartbeat(watched, "ann", new_visitor=True)
    await until(lambda: watched.snapshot.viewers.value == 1)
    assert stage.provider.calls["state"] == asked


async def test_the_last_good_status_is_kept_while_the_provider_is_unavailable(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    stage.go_live()
    watched = await stage.watch()
    stage.provider.fail()
    await until(lambda: watched.snapshot.status.degraded)
    assert watched.snapshot.status.is_watchable
    stage.provider.recover()
    await until(lambda: not watched.snapshot.status.degraded)


async def test_the_last_good_status_is_kept_while_the_store_is_unavailable(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    watched = await stage.watch()
    stage.channels.away = True
    stage.go_live()
    await until(lambda: watched.snapshot.status.is_watchable)


async def test_what_was_said_of_an_input_is_not_said_of_the_one_in_its_place(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    stage.go_live()
    watched = await stage.watch()
    stage.provider.fail()
    stage.channels.inputs[stage.organization, stage.channel] = "f" * 32
    stage.board.changed(stage.organization, stage.channel)
    await until(lambda: not watched.snapshot.status.is_watchable)
    assert watched.snapshot.status.degraded


async def test_a_slow_count_delays_no_change_of_state(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    stage.go_live()
    watched = await stage.watch()
    counting: list[str] = []

    async def never(uid: str, *_: int) -> ViewerCount:
        counting.append(uid)
        return await asyncio.get_running_loop().create_future()

    stage.viewers.count = never  # type: ignore[method-assign]
    await until(lambda: bool(counting))
    stage.provider.end(stage.uid)
    await until(lambda: state(watched) is Phase.ENDED)


@pytest.mark.parametrize("part", ["store", "provider"])
async def test_without_a_last_good_answer_it_is_unavailable(tasks: Tasks, part: str) -> None:
    stage = await PublicStage(tasks).open()
    stage.channels.away = part == "store"
    if part == "provider":
        stage.provider.fail()
    with pytest.raises(Unavailable):
        await stage.watch()


async def test_a_visitor_waits_for_a_first_answer_only_so_long(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, replace(UNHURRIED, load_timeout=0.02)).open()
    stage.channels.find_stream = lambda *_: asyncio.sleep(3600)  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        await stage.watch()


async def test_a_new_live_input_is_used(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    watched = await stage.watch(stage.silent)
    stage.go_live()
    stage.channels.inputs[stage.organization, stage.silent] = stage.uid
    stage.board.changed(stage.organization, stage.silent)
    await until(lambda: watched.snapshot.status.is_watchable)


async def test_an_input_deleted_at_the_provider_is_offline(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    stage.go_live()
    watched = await stage.watch()
    await stage.provider.delete_input(stage.uid)
    await until(lambda: state(watched) is Phase.OFFLINE)


async def test_a_deleted_channel_leaves_the_board(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, HURRIED).open()
    await stage.watch()
    del stage.channels.inputs[stage.organization, stage.channel]
    await until(lambda: stage.board.find(str(stage.organization), str(stage.channel)) is None)
    with pytest.raises(NotFound):
        await stage.watch()


async def test_a_channel_that_is_not_polled_leaves_the_board(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, replace(HURRIED, unasked_refreshes=2)).open()
    watched = await stage.watch()
    assert watched.task is not None
    await asyncio.wait_for(watched.task, 10)
    assert stage.board.find(str(stage.organization), str(stage.channel)) is None


async def test_the_board_is_bounded_and_the_least_asked_for_channel_goes(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, replace(HURRIED, max_watched=2)).open()
    others = [uuid4() for _ in range(2)]
    for other in others:
        stage.channels.inputs[stage.organization, other] = None
    quiet = await stage.watch(others[0])
    await stage.watch(others[1])
    await until(lambda: stage.board.find(str(stage.organization), str(others[1])) is not None and quiet.unasked > 1)
    await stage.watch()
    on_the_board = [stage.board.find(str(stage.organization), str(each)) is not None for each in others]
    assert on_the_board == [False, True]


async def test_a_channel_with_a_listener_stays_on_the_board(tasks: Tasks) -> None:
    stage = await PublicStage(tasks, replace(HURRIED, unasked_refreshes=2)).open()
    watched = await stage.watch()
    watched.notifier.listen(lambda: None)
    looks = stage.channels.asked
    await until(lambda: stage.channels.asked > looks + 5)
    assert watched.unasked == 0
    assert stage.board.find(str(stage.organization), str(stage.channel)) is watched


async def test_summaries_of_many_streams_ask_once_for_each(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.go_live()
    stage.viewers.seen(stage.uid, "ann", stage.clock.unix_ms())
    answers = await asyncio.gather(*(stage.board.states([stage.uid, "unknown"]) for _ in range(10)))
    summary = answers[0]
    assert (summary[stage.uid].state, summary[stage.uid].viewer_count) == (Phase.LIVE, 1)
    assert (summary["unknown"].state, summary["unknown"].viewer_count) == (Phase.OFFLINE, 0)
    assert stage.provider.calls["state"] == 2


async def test_summaries_are_unavailable_while_the_provider_is(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    stage.provider.fail()
    with pytest.raises(Unavailable):
        await stage.board.states([stage.uid])


async def test_closes_twice_and_leaves_no_task(tasks: Tasks) -> None:
    stage = await PublicStage(tasks).open()
    watched = await stage.watch()
    await stage.board.aclose()
    await stage.board.aclose()
    assert watched.task is not None
    assert watched.task.done()
