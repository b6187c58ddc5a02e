"""The transcoder with the real ffmpeg: the ladder, its accidents, thumbnails, the test pattern."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from providers.local.flvfile import FlvReader
from providers.local.media import FlvTag, TagKind
from providers.local.transcoder import command
from providers.local.transcoder.backlog import Backlog
from providers.local.transcoder.facts import FfmpegFacts, FfmpegMissing, probe_ffmpeg
from providers.local.transcoder.ladder import Ladder
from providers.local.transcoder.renditions import Rendition
from providers.local.transcoder.slots import TranscodeSlots
from providers.local.transcoder.supervisor import Patience, State
from providers.local.transcoder.tags import is_header, is_keyframe
from providers.local.transcoder.thumbnail import BadThumbnailRequest, ThumbnailBusy, ThumbnailFailed, Thumbnails
from service.tasks import Tasks

pytestmark = pytest.mark.e2e

SOURCE = Rendition("source", 0, 0, 0)
SMALL = Rendition("small", 90, 100_000, 64_000)
TINY = Rendition("tiny", 46, 50_000, 64_000)
HUGE = Rendition("huge", 1080, 100_000, 64_000)

QUICK = Patience(stall=2.0, first_delay=0.05, longest_delay=0.2)
LIMIT = 20.0
"""Seconds a test waits for something that must happen."""


def run_ffmpeg(*arguments: str, stdin: bytes | None = None) -> bytes:
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *arguments], input=stdin, capture_output=True, timeout=LIMIT, check=True
    )
    return done.stdout


def clip(*, size: str = "320x180", seconds: float = 4, sound: bool = True) -> list[FlvTag]:
    """FLV tags of a moving picture of 25 frames per second with B-frames, a keyframe every 0.8 s."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]
    tone = ["-f", "lavfi", "-i", "sine=sample_rate=44100"] if sound else []
    video = [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-pix_fmt",
        "yuv420p",
        "-bf",
        "2",
        "-g",
        "20",
        "-sc_threshold",
        "0",
    ]
    ends = ["-c:a", "aac", "-t", str(seconds), "-f", "flv", "pipe:1"]
    return FlvReader().feed(run_ffmpeg(*picture, *tone, *video, *ends))


@pytest.fixture(scope="module")
def tags() -> list[FlvTag]:
    return clip()


def presentation(tag: FlvTag) -> int:
    """When a video tag is shown: its timestamp and the composition offset (24 bits, signed) of AVC."""
    offset = int.from_bytes(tag.payload[2:5], "big", signed=True)
    return tag.timestamp + offset


def frames(tags: list[FlvTag]) -> list[FlvTag]:
    return [tag for tag in tags if tag.kind is TagKind.VIDEO and not is_header(tag) and tag.payload[1] == 1]


def shown(tags: list[FlvTag]) -> list[int]:
    return sorted(presentation(tag) for tag in frames(tags))


def keyframes(tags: list[FlvTag]) -> list[int]:
    return [presentation(tag) for tag in frames(tags) if is_keyframe(tag)]


def later(tags: list[FlvTag], milliseconds: int) -> list[FlvTag]:
    return [tag._replace(timestamp=tag.timestamp + milliseconds & 0xFFFFFFFF) for tag in tags]


def media(tags: list[FlvTag]) -> list[FlvTag]:
    return [tag for tag in tags if tag.kind is not TagKind.SCRIPT and not is_header(tag)]


def picture_size(tags: list[FlvTag]) -> str:
    """What ffprobe says of the pictures in these tags."""
    from providers.local.flvfile import flv_header, serialize

    flv = flv_header(audio=False) + b"".join(serialize(tag) for tag in tags if tag.kind is TagKind.VIDEO)
    asked = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "stream=width,height",
        "-of",
        "csv=p=0:s=x",
    ]
    return (
        subprocess.run([*asked, "pipe:0"], input=flv, capture_output=True, timeout=LIMIT, check=True)
        .stdout.decode()
        .strip()
    )


class Bench:
    """Ladders whose output is collected (`made`: of the present run, `past`: of those before), and the means to wait for it."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._changed = asyncio.Event()
        self.ladders: list[Ladder] = []
        self.made: dict[str, list[FlvTag]] = defaultdict(list)
        self.past: dict[str, list[FlvTag]] = defaultdict(list)
        self.restarts: list[str] = []

    def ladder(
        self,
        *renditions: Rendition,
        slots: TranscodeSlots | None = None,
        patience: Patience = QUICK,
        backlog: Backlog | None = None,
    ) -> Ladder:
        ladder = Ladder(
            "test",
            renditions,
            spawn=self._tasks.spawn,
            slots=slots or TranscodeSlots(1),
            on_tag=self._tag,
            on_restart=self._restart,
            patience=patience,
            backlog=backlog,
        )
        self.ladders.append(ladder)
        return ladder

    def _tag(self, rendition: str, tag: FlvTag) -> None:
        self.made[rendition].append(tag)
        self._changed.set()

    def _restart(self, rendition: str) -> None:
        self.restarts.append(rendition)
        self.past[rendition] += self.made.pop(rendition)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something the ladder's output shows."""
        async with asyncio.timeout(LIMIT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def feed_until(self, ladder: Ladder, live: Iterator[FlvTag], condition: Callable[[], object]) -> None:
        """Feed `live` in real time until `condition` holds."""
        loop = asyncio.get_running_loop()
        began, first = loop.time(), None
        async with asyncio.timeout(LIMIT):
            while not condition():
                tag = next(live)
                first = tag.timestamp if first is None else first
                await asyncio.sleep(max(0.0, began + (tag.timestamp - first) / 1000 - loop.time()))
                ladder.feed(tag)


def endless(tags: list[FlvTag]) -> Iterator[FlvTag]:
    """An encoder that never ends: the headers, then the media over and over."""
    yield from (tag for tag in tags if is_header(tag))
    length = media(tags)[-1].timestamp + 40
    for turn in itertools.count():
        yield from later(media(tags), turn * length)


@pytest.fixture
async def bench(tasks: Tasks) -> AsyncIterator[Bench]:
    bench = Bench(tasks)
    yield bench
    for ladder in bench.ladders:
        await ladder.aclose()
    assert psutil.Process().children(recursive=True) == []


def feed(ladder: Ladder, tags: list[FlvTag]) -> None:
    for tag in tags:
        ladder.feed(tag)


async def reach(ladder: Ladder, state: State) -> None:
    """Wait until the ladder's ffmpeg is in `state`."""
    async with asyncio.timeout(LIMIT):
        while ladder.state is not state:  # noqa: ASYNC110 - nobody but a test asks for states
            await asyncio.sleep(0)


async def play(ladder: Ladder, tags: list[FlvTag]) -> None:
    """Feed the first group of pictures, and the rest as soon as ffmpeg runs: what is fed before that is not kept."""
    second = [index for index, tag in enumerate(tags) if is_keyframe(tag)][1]
    feed(ladder, tags[:second])
    await reach(ladder, State.RUNNING)
    feed(ladder, tags[second:])


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


async def test_pictures_have_the_size_of_their_rendition(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL, TINY)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["tiny"])
    await ladder.aclose()
    assert [picture_size(bench.made[name]) for name in ("small", "tiny")] == ["160x90", "82x46"]


async def test_a_picture_is_never_scaled_up(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(HUGE)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["huge"])
    await ladder.aclose()
    assert picture_size(bench.made["huge"]) == "320x180"


async def test_an_upright_picture_is_scaled_by_its_short_side(bench: Bench) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, clip(size="180x320", seconds=2, sound=False))
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert picture_size(bench.made["small"]) == "90x160"


async def test_with_the_source_in_the_list_no_sound_is_made(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    assert {tag.kind for tag in bench.made["small"]} <= {TagKind.VIDEO, TagKind.SCRIPT}


async def test_the_normaliser_gives_its_first_rendition_the_sound(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SMALL, TINY)
    await play(ladder, tags)
    await bench.until(lambda: bench.made["small"])
    await ladder.aclose()
    sound = [tag for tag in bench.made["small"] if tag.kind is TagKind.AUDIO and not is_header(tag)]
    assert sound[-1].timestamp - sound[0].timestamp == pytest.approx(4_000, abs=150)
    assert all(tag.kind is not TagKind.AUDIO for tag in bench.made["tiny"])


async def test_the_normaliser_starts_without_sound_when_none_comes(bench: Bench) -> None:
    silent = clip(seconds=2, sound=False)
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
    ladder = bench.ladder(SOURCE, SMALL, backlog=backlog)
    live = endless(tags)
    await bench.feed_until(ladder, live, lambda: len(frames(bench.made["small"])) > 5)
    assert ladder.pid is not None
    os.kill(ladder.pid, signal.SIGSTOP)
    sizes: set[int] = set()
    await bench.feed_until(ladder, live, lambda: sizes.add(backlog.size) or bench.restarts)
    assert max(sizes) <= 60_000


async def test_new_headers_begin_a_new_run_with_the_new_size(bench: Bench, tags: list[FlvTag]) -> None:
    other = later(clip(size="160x120", seconds=2), 4_000)
    ladder = bench.ladder(SOURCE, HUGE)
    await play(ladder, tags)
    await bench.until(lambda: len(frames(bench.made["huge"])) > 5)
    feed(ladder, other)
    await bench.until(lambda: bench.restarts)
    await ladder.aclose()
    assert shown(bench.past["huge"]) == shown(tags)
    assert picture_size(bench.made["huge"]) == "160x120"
    assert shown(bench.made["huge"])[-1] == shown(other)[-1]


async def test_a_jump_of_the_timestamps_begins_a_new_run(bench: Bench, tags: list[FlvTag]) -> None:
    ladder = bench.ladder(SOURCE, SMALL)
    await play(ladder, tags)
    await bench.until(lambda: len(frames(bench.made["small"])) > 5)
    feed(ladder, later(media(tags), 100_000))
    await bench.until(lambda: bench.restarts)
    await ladder.aclose()
    assert shown(bench.past["small"]) == shown(tags)
    assert shown(bench.made["small"])[-1] == shown(tags)[-1] + 100_000


async def test_garbage_harms_nobody_and_good_media_is_made_afterwards(bench: Bench, tags: list[FlvTag]) -> None:
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
    assert second.state is State.WAITING
    await first.aclose()
    await second_has_output(bench, second)
    await second.aclose()
    assert slots.used == 0


async def second_has_output(bench: Bench, second: Ladder) -> None:
    await bench.until(lambda: bench.made["tiny"])
    assert second.state is not State.WAITING


@pytest.mark.parametrize("reached", [State.WAITING, State.STARTING, State.RUNNING, State.RESTING, State.CLOSED])
async def test_stop_works_from_every_state_twice(
    bench: Bench, tags: list[FlvTag], reached: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reached is State.RESTING:
        monkeypatch.setenv("PATH", "/nowhere")
    ladder = bench.ladder(SOURCE, SMALL, patience=Patience(first_delay=20))
    if reached is not State.WAITING:
        feed(ladder, tags)
    if reached is State.RUNNING:
        await bench.until(lambda: bench.made["small"])
    if reached is State.CLOSED:
        await ladder.aclose()
    await reach(ladder, reached)
    async with asyncio.timeout(LIMIT):
        await asyncio.gather(ladder.aclose(), ladder.aclose())
        await ladder.aclose()
    assert ladder.state is State.CLOSED


async def test_a_frozen_ffmpeg_is_killed_at_the_end(
    bench: Bench, tags: list[FlvTag], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.local.transcoder.process.END_OF_INPUT_WAIT", 0.1)
    monkeypatch.setattr("providers.local.transcoder.process.TERMINATE_WAIT", 0.1)
    ladder = bench.ladder(SOURCE, SMALL)
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
    assert ladder.state is State.CLOSED
    assert psutil.Process().children(recursive=True) == []


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
        parent.wait(LIMIT)
    await asyncio.to_thread(psutil.wait_procs, [child], LIMIT)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.fixture(scope="module")
def segment() -> bytes:
    """An init segment and a segment of 320x180 in one."""
    picture = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25",
        "-t",
        "1",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
    ]
    return run_ffmpeg(*picture, "-movflags", "empty_moov+default_base_moof+frag_keyframe", "-f", "mp4", "pipe:1")


def jpeg_size(image: bytes) -> str:
    asked = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,width,height",
        "-of",
        "csv=p=0:s=x",
        "pipe:0",
    ]
    return subprocess.run(asked, input=image, capture_output=True, timeout=LIMIT, check=True).stdout.decode().strip()


@pytest.mark.parametrize(
    ("fit", "size"), [("crop", "100x100"), ("clip", "100x56"), ("scale", "100x100"), ("fill", "100x100")]
)
async def test_a_thumbnail_fits_as_cloudflare_says(segment: bytes, fit: str, size: str) -> None:
    image = await Thumbnails().of("one", segment, 100, 100, fit)
    assert jpeg_size(image) == f"mjpegx{size}"


async def test_a_thumbnail_can_be_made_from_a_file(segment: bytes, tmp_path: Path) -> None:
    file = tmp_path / "segment.mp4"
    file.write_bytes(segment)
    assert jpeg_size(await Thumbnails().of("one", file, 160, 90)) == "mjpegx160x90"


async def test_many_requests_at_once_are_answered_by_one_run(segment: bytes) -> None:
    thumbnails = Thumbnails()
    images = await asyncio.gather(*(thumbnails.of("one", segment, 160, 90) for _ in range(20)))
    assert len({id(image) for image in images}) == 1


async def test_a_thumbnail_is_made_anew_after_ten_seconds(segment: bytes) -> None:
    now = 0.0
    thumbnails = Thumbnails(clock=lambda: now)
    first = await thumbnails.of("one", segment, 160, 90)
    now = 9.9
    assert await thumbnails.of("one", b"ignored", 160, 90) is first
    now = 10.1
    assert await thumbnails.of("one", segment, 160, 90) is not first


async def test_media_without_a_picture_fails_and_is_not_tried_again_at_once(segment: bytes) -> None:
    thumbnails = Thumbnails()
    with pytest.raises(ThumbnailFailed):
        await thumbnails.of("one", b"rubbish", 160, 90)
    with pytest.raises(ThumbnailFailed):
        await thumbnails.of("one", segment, 160, 90)


async def test_a_stream_is_made_in_few_sizes_at_a_time(segment: bytes) -> None:
    thumbnails = Thumbnails()
    for width in (32, 34, 36, 38):
        await thumbnails.of("one", segment, width, 32)
    with pytest.raises(ThumbnailBusy):
        await thumbnails.of("one", segment, 40, 32)


@pytest.mark.parametrize("request_", [(0, 90, "crop"), (160, 4000, "crop"), (160, 90, "stretch")])
async def test_a_size_or_fit_we_do_not_make_is_refused(request_: tuple[int, int, str]) -> None:
    with pytest.raises(BadThumbnailRequest):
        await Thumbnails().of("one", b"", *request_)


async def test_this_ffmpeg_has_all_we_need() -> None:
    facts = await probe_ffmpeg()
    assert isinstance(facts, FfmpegFacts)
    assert facts.missing == []
    assert facts.has_libx264
    assert facts.has_aac


async def test_no_ffmpeg_is_told_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FfmpegMissing):
        await probe_ffmpeg()


def test_the_test_pattern_is_a_stream_of_h264_and_aac_with_regular_keyframes(tmp_path: Path) -> None:
    target = tmp_path / "pattern.flv"
    arguments = command.test_pattern_arguments(str(target), size=(320, 180), gop=0.5, bitrate=200_000, duration=2)
    subprocess.run(arguments, timeout=LIMIT, check=True, capture_output=True)
    tags = FlvReader().feed(target.read_bytes())
    moments = keyframes(tags)
    assert [moment - moments[0] for moment in moments] == [0, 500, 1000, 1500]
    assert any(tag.kind is TagKind.AUDIO for tag in tags)
