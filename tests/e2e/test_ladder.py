"""The ladder with the real ffmpeg: what comes out of every rendition, its accidents, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from providers.local.flv.head import is_header, is_keyframe
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.transcoder.backlog import Backlog
from providers.local.transcoder.ladder import Ladder
from providers.local.transcoder.process import StopLimits
from providers.local.transcoder.renditions import Rendition
from providers.local.transcoder.slots import TranscodeSlots
from providers.supervisor import ProcessState, RestartPolicy
from service.concurrency.tasks import Tasks
from tests.e2e.clips import (
    clip,
    endless,
    frame_size,
    frames,
    keyframes,
    later,
    media,
    presentation,
    shown,
)
from tests.e2e.ladder_bench import QUICK, Bench, feed, play, reach, running_ffmpegs
from tests.waiting import PATIENCE

SOURCE = Rendition("source", 0, 0, 0)
SMALL = Rendition("small", 90, 100_000, 64_000)
TINY = Rendition("tiny", 46, 50_000, 64_000)
HUGE = Rendition("huge", 1080, 100_000, 64_000)


@pytest.fixture(scope="module")
def tags() -> list[FlvTag]:
    return clip()


@pytest.fixture
async def bench(tasks: Tasks) -> AsyncIterator[Bench]:
    bench = Bench(tasks)
    yield bench
    for ladder in bench.ladders:
        await ladder.aclose()
    assert running_ffmpegs() == []


async def test_every_frame_of_the_source_comes_out_in_every_rendition_at_the_same_moment(
    bench: Bench, tags: list[FlvTag]
) -> None:
    ladder = bench.ladder(SOURCE, SMALL, TINY)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert shown(bench.made["small"]) == shown(tags)
    assert shown(bench.made["tiny"]) == shown(tags)


async def test_keyframes_are_where_the_source_has_them(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL, TINY)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["tiny"])
    await ladder.aclose()
    assert keyframes(bench.made["small"]) == keyframes(bench.made["tiny"]) == keyframes(tags)


async def test_timestamps_survive_the_wrap_at_32_bits(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    wrapping = later(tags, 2**32 - 2_000)
    await play(ladder, wrapping)
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    made = [tag.timestamp for tag in frames(bench.made["small"])]
    assert made == [moment + 2**32 - 2_000 & 0xFFFFFFFF for moment in shown(tags)]
    assert bench.restarts == []


async def test_frames_have_the_size_of_their_rendition(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL, TINY)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["tiny"])
    await ladder.aclose()
    assert [frame_size(bench.made[name]) for name in ("small", "tiny")] == ["160x90", "82x46"]


async def test_video_is_never_scaled_up(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(HUGE)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["huge"])
    await ladder.aclose()
    assert frame_size(bench.made["huge"]) == "320x180"


async def test_portrait_video_is_scaled_by_its_short_side(bench: Bench) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, clip(size="180x320", seconds=2, audio=False))
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert frame_size(bench.made["small"]) == "90x160"


async def test_with_the_source_in_the_list_no_audio_is_encoded(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert {tag.kind for tag in bench.made["small"]} <= {TagKind.VIDEO, TagKind.SCRIPT}


async def test_the_normaliser_puts_audio_into_its_first_rendition(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SMALL, TINY)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    audio = [tag for tag in bench.made["small"] if tag.kind is TagKind.AUDIO and not is_header(tag)]
    assert audio[-1].timestamp - audio[0].timestamp == pytest.approx(4_000, abs=150)
    assert all(tag.kind is not TagKind.AUDIO for tag in bench.made["tiny"])


async def test_the_normaliser_starts_without_audio_when_none_comes(bench: Bench) -> None:
    silent = clip(seconds=2, audio=False)
    ladder = bench.ladder(SMALL)
    feed(ladder, silent[: len(silent) * 3 // 4])
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert frames(bench.made["small"])


async def test_what_the_encoder_sends_before_its_first_keyframe_is_left_out(bench: Bench, tags: list[FlvTag]) -> None:
    second = keyframes(tags)[1]
    headers = [tag for tag in tags if is_header(tag)]
    first = next(index for index, tag in enumerate(tags) if is_keyframe(tag))
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, headers + tags[first + 1 :])
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert keyframes(bench.made["small"])[0] == second


async def test_ffmpeg_killed_comes_back_at_a_keyframe_and_says_so(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL, TINY)
    live = endless(tags)
    await bench.feed_until(ladder, live, lambda: len(frames(bench.made["tiny"])) > 5)
    assert ladder.pid is not None
    os.kill(ladder.pid, signal.SIGKILL)
    await bench.feed_until(ladder, live, lambda: len(bench.restarts) == 2)
    assert sorted(bench.restarts) == ["small", "tiny"]
    assert bench.losses == 1


async def test_nothing_is_shown_twice_across_a_restart(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    live = endless(tags)
    await bench.feed_until(ladder, live, lambda: len(frames(bench.made["small"])) > 30)
    assert ladder.pid is not None
    os.kill(ladder.pid, signal.SIGKILL)
    await bench.feed_until(ladder, live, lambda: bench.restarts and len(frames(bench.made["small"])) > 5)
    moments = [presentation(tag) for tag in frames(bench.past["small"] + bench.made["small"])]
    assert moments == sorted(set(moments))


async def test_a_stopped_ffmpeg_costs_bounded_memory_and_is_replaced(bench: Bench, tags: list[FlvTag]) -> None:
    backlog = Backlog(max_bytes=60_000, max_ms=60_000)
    ladder = bench.ladder(SOURCE, SMALL, backlog=backlog, policy=replace(QUICK, stall=2.0))
    live = endless(tags)
    await bench.feed_until(ladder, live, lambda: len(frames(bench.made["small"])) > 5)
    assert ladder.pid is not None
    os.kill(ladder.pid, signal.SIGSTOP)
    sizes: set[int] = set()
    await bench.feed_until(ladder, live, lambda: sizes.add(backlog.size) or bench.restarts)
    assert 0 < max(sizes) <= 60_000


async def test_new_headers_begin_a_new_run_with_the_new_size(bench: Bench, tags: list[FlvTag]) -> None:
    other = later(clip(size="160x120", seconds=2), 4_000)
    ladder = bench.ladder(SOURCE, HUGE)
    await play(ladder, tags)
    await bench.until(lambda: len(frames(bench.made["huge"])) > 5)
    feed(ladder, other)
    await bench.until(lambda: bench.restarts)
    await ladder.aclose()
    assert shown(bench.past["huge"]) == shown(tags)
    assert frame_size(bench.made["huge"]) == "160x120"
    assert shown(bench.made["huge"])[-1] == shown(other)[-1]


@pytest.mark.parametrize("step", [100_000, -2_000])
async def test_a_jump_of_the_timestamps_begins_a_new_run(bench: Bench, tags: list[FlvTag], step: int) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, tags)
    await bench.until(lambda: len(frames(bench.made["small"])) > 5)
    distance = tags[-1].timestamp + step
    feed(ladder, later(media(tags), distance))
    await bench.until(lambda: bench.restarts)
    assert bench.losses == 0  # the source noticed it by itself
    await ladder.aclose()
    assert shown(bench.past["small"]) == shown(tags)
    assert shown(bench.made["small"])[-1] == shown(tags)[-1] + distance


async def test_garbage_stops_no_ladder_and_later_media_is_encoded(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    feed(
        ladder,
        [
            FlvTag(TagKind.VIDEO, 0, b"\x17\x00\x00\x00\x00rubbish"),
            FlvTag(TagKind.VIDEO, 0, b""),
            FlvTag(TagKind.SCRIPT, 0, b"\xff"),
        ],
    )
    feed(ladder, [FlvTag(TagKind.VIDEO, moment, b"\x17\x01\x00\x00\x00rubbish" * 10) for moment in range(0, 2_000, 40)])
    await play(ladder, tags)
    await bench.feed_until(ladder, endless(tags), lambda: len(shown(bench.made["small"])) > 5)


async def test_a_second_broadcast_waits_for_the_slot_of_the_first(bench: Bench, tags: list[FlvTag]) -> None:
    slots = TranscodeSlots(1)
    first = bench.ladder(SOURCE, SMALL, slots=slots)
    await play(first, tags)
    await bench.until(lambda: bench.made["small"])
    second = bench.ladder(SOURCE, TINY, slots=slots)
    feed(second, tags)
    assert second.state is ProcessState.WAITING
    await first.aclose()
    await second_has_output(bench, second)
    await second.aclose()
    assert slots.used == 0


async def second_has_output(bench: Bench, second: Ladder) -> None:
    await bench.until(lambda: bench.made["tiny"])
    assert second.state is not ProcessState.WAITING


@pytest.mark.parametrize(
    "reached",
    [ProcessState.WAITING, ProcessState.STARTING, ProcessState.RUNNING, ProcessState.BACKOFF, ProcessState.CLOSED],
)
async def test_stop_works_from_every_state_twice(
    bench: Bench, tags: list[FlvTag], reached: ProcessState, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reached is ProcessState.BACKOFF:
        monkeypatch.setenv("PATH", "/nowhere")
    ladder = bench.ladder(SOURCE, SMALL, policy=RestartPolicy(first_delay=20))
    if reached is not ProcessState.WAITING:
        feed(ladder, tags)
    if reached is ProcessState.RUNNING:
        await bench.until(lambda: bench.made["small"])
    if reached is ProcessState.CLOSED:
        await ladder.aclose()
    await reach(ladder, reached)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(ladder.aclose(), ladder.aclose())
        await ladder.aclose()
    assert ladder.state is ProcessState.CLOSED


async def test_a_frozen_ffmpeg_is_killed_at_the_end(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL, stop_limits=StopLimits(end_of_input=0.1, terminate=0.1))
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    assert ladder.pid is not None
    frozen = psutil.Process(ladder.pid)
    frozen.suspend()
    await ladder.aclose()
    assert not frozen.is_running()


async def test_cancelled_with_its_owner_the_ladder_leaves_no_process(tags: list[FlvTag]) -> None:
    owner = Tasks()
    bench = Bench(owner)
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    await owner.aclose()
    assert ladder.state is ProcessState.CLOSED
    assert running_ffmpegs() == []


async def test_ffmpeg_ends_by_itself_when_we_are_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import asyncio\n"
        "from providers.local.transcoder.command import ladder_arguments\n"
        "from providers.local.transcoder.process import start_child\n"
        "from providers.local.transcoder.renditions import RENDITIONS\n"
        "async def main():\n"
        "    make = lambda pipes: ladder_arguments([RENDITIONS['240p']], pipes, audio=False)\n"
        "    child = await start_child(make, [print])\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, env=environment) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait(PATIENCE)
    await asyncio.to_thread(psutil.wait_procs, [child], PATIENCE)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
