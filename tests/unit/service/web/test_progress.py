"""When playback counts as stalled: `player/progress.js` in Node, with a video element that only has properties."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

PROGRESS = Path(__file__).parents[4] / "service" / "web" / "player" / "progress.js"

HEAD = """
import { readFileSync } from "node:fs";
const { Progress } = await import("data:text/javascript," + encodeURIComponent(readFileSync(process.argv[1], "utf8")));
let now = 1_000_000;
Date.now = () => now;
globalThis.HTMLMediaElement = { HAVE_CURRENT_DATA: 2 };
class Video extends EventTarget { currentTime = 10; paused = false; ended = false; seeking = false; readyState = 4; }
const video = new Video(), progress = new Progress(video), found = [];
const after = (seconds, changes = {}) => {
  now += 1000 * seconds;
  return progress.stillFor(Object.assign(video, changes)) / 1000;
};
after(0);
"""


def run(script: str) -> Any:
    """Return what the script collects in `found`."""
    text = f"{HEAD}{script}\nconsole.log(JSON.stringify(found));"
    command = ["node", "--input-type=module", "-e", text, str(PROGRESS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_a_position_that_stays_is_a_stall_until_it_moves() -> None:
    script = "found.push(after(1, { currentTime: 11 }), after(2), after(3), progress.hasMoved, after(1, { currentTime: 12 }));"
    assert run(script) == [0, 2, 5, True, 0]


def test_a_pause_is_no_stall_nor_is_its_end() -> None:
    script = "found.push(after(1, { paused: true }), after(20), after(0.4, { paused: false }), after(1));"
    script += "found.push(after(1, { currentTime: 30 }));"
    assert run(script) == [0, 0, 0.4, 1.4, 0]


def test_an_element_without_media_and_the_end_of_media_are_stalls() -> None:
    script = "found.push(after(1, { paused: true, readyState: 0 }), after(1));"
    script += (
        "after(1, { readyState: 4, ended: true }); const at = progress.at; after(5); found.push(progress.at === at);"
    )
    assert run(script) == [1, 2, True]
