"""What a process and its children cost, from its CPU clock and /proc (proc(5))."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

SCHEDULED = 2
"""The kind of a process's clock that counts nanoseconds on a processor (Linux, CPUCLOCK_SCHED)."""

KIB = 1024


def family(pid: int) -> Iterator[int]:
    """Return the process and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def cpu_seconds(pids: list[int]) -> float:
    """Return the total user and system time of these processes, in seconds with nanoseconds.

    By each process's own CPU clock (clock_getcpuclockid(3)): the ticks of /proc/<pid>/stat count 10 ms, so that 100 requests
    to nginx are none.
    """
    return sum(time.clock_gettime(~pid << 3 | SCHEDULED) for pid in pids)


def proportional_memory(pids: list[int]) -> int:
    """Return the bytes of these processes together; shared pages are counted once."""
    return sum(_kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) * KIB


def resident_memory(pid: int) -> int:
    """Return the bytes of the process."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:") * KIB


def _kib(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name))
