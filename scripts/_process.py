"""What a process and its children cost, from /proc (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024


def family(pid: int) -> Iterator[int]:
    """Return the process and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def cpu_seconds(pids: list[int]) -> float:
    """Return the total user and system time of these processes, in seconds."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def proportional_memory(pids: list[int]) -> int:
    """Return the bytes of these processes together; shared pages are counted once."""
    return sum(_kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) * KIB


def resident_memory(pid: int) -> int:
    """Return the bytes of the process."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:") * KIB


def _kib(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name))
