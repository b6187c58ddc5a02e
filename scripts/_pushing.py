"""Encoders that push one recorded stream, and what a process costs meanwhile, for the benchmarks."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from _process import cpu_seconds, proportional_memory


@dataclass
class Cost:
    """Of all streams together: CPU seconds per second, and bytes."""

    cpu: float
    memory: int


async def measure(pids: list[int], seconds: float) -> Cost:
    began, before = time.monotonic(), cpu_seconds(pids)
    await asyncio.sleep(seconds)
    spent = cpu_seconds(pids) - before
    return Cost(spent / (time.monotonic() - began), proportional_memory(pids))


async def run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode:
        sys.exit(f"{arguments[0]} failed:\n{said.decode()}")


async def record(path: Path, gop: float) -> None:
    """Record a minute of 720p30 at 1.6 Mbit/s with audio once, so that encoding is not measured."""
    await run(
        *("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "60"),
        *(
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-g",
            str(round(30 * gop)),
            "-sc_threshold",
            "0",
        ),
        *("-b:v", "1472k", "-minrate", "1472k", "-maxrate", "1472k", "-bufsize", "1472k", "-nal-hrd", "cbr"),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", str(path)),
    )


@asynccontextmanager
async def pushed(source: Path, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Push the recording in real time, in a loop."""
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(source), "-c", "copy", "-f", "flv", url),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
