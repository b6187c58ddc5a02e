"""How the player keeps its target latency: `player/pace.js` in Node, with a video element that only has events."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

PACE = Path(__file__).parents[4] / "service" / "web" / "player" / "pace.js"

HEAD = """
import { readFileSync } from "node:fs";
const { Pace } = await import("data:text/javascript," + encodeURIComponent(readFileSync(process.argv[1], "utf8")));
let now = 1_000_000;
Date.now = () => now;
class Video extends EventTarget {
  playbackRate = 1; currentTime = 100; paused = false; seeking = false; ended = false;
  emit(...types) { for (const type of types) this.dispatchEvent(new Event(type)); }
}
const video = new Video(), pace = new Pace(video, new AbortController().signal), found = [];
const part = 0.4;
const tick = (behind, buffered = 2, seconds = 0.5) => { now += 1000 * seconds; return pace.update(behind, part, buffered); };
const rate = (behind, buffered) => { tick(behind, buffered); return video.playbackRate; };
video.emit("playing", "timeupdate");
"""


def run(script: str) -> Any:
    """Return what the script collects in `found`."""
    text = f"{HEAD}{script}\nconsole.log(JSON.stringify(found));"
    command = ["node", "--input-type=module", "-e", text, str(PACE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("distances", "rates"),
    [
        ([0.05, 0.2, 0.05, 0.02], [1, 1.05, 1.05, 1]),
        ([3, 1, 0], [1.1, 1.05, 1]),
        ([-0.1, -0.3, -0.1, 0], [1, 0.95, 0.95, 1]),
        ([-0.6], [0.85]),
    ],
    ids=["a little behind", "seconds behind", "too close to the live edge", "an early start"],
)
def test_it_plays_faster_or_slower_until_it_reaches_the_target(distances: list[float], rates: list[float]) -> None:
    assert run(f"found.push(...{json.dumps(distances)}.map((behind) => rate(behind)));") == rates


def test_it_does_not_play_faster_with_little_in_the_buffer() -> None:
    assert run("found.push(rate(1, 0.5), rate(1, 0.7));") == [1, 1.05]


def test_it_leaves_the_rate_that_the_visitor_chose() -> None:
    assert run("video.playbackRate = 1.5; found.push(rate(3), rate(-1));") == [1.5, 1.5]


def test_the_target_grows_by_half_a_part_with_each_stall_and_shrinks_slowly() -> None:
    script = """
    tick(0);
    for (let stall = 0; stall < 2; stall++) { video.emit("waiting"); found.push(pace.margin); }
    tick(0, 2, 10); found.push(pace.margin);
    tick(0, 2, 60); found.push(pace.margin);
    video.seeking = true; video.emit("waiting"); found.push(pace.margin);
    video.seeking = false;
    for (let stall = 0; stall < 50; stall++) video.emit("waiting");
    found.push(pace.margin);
    """
    assert run(script) == pytest.approx([0.2, 0.4, 0.3, 0, 0, 3])


def test_it_jumps_when_far_behind_unless_the_visitor_wants_to_be() -> None:
    script = """
    found.push(tick(7), tick(9));
    video.paused = true; video.emit("pause"); tick(0);
    video.paused = false; video.emit("play", "playing"); found.push(tick(12));
    pace.reset(); found.push(tick(12));
    video.currentTime -= 20; video.emit("seeking"); found.push(tick(20));
    tick(0); found.push(tick(20));
    video.emit("emptied"); found.push(tick(20));
    """
    assert run(script) == [False, True, False, True, False, True, False]
