"""Progress of a long command, on one line of a terminal; nothing where stderr is a file or a pipe."""

from __future__ import annotations

import sys
import time

EVERY = 0.1
"""Seconds between two updates of the line."""

MEBIBYTE = 1 << 20


class Progress:
    """The line; `close` ends it."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next = 0.0
        self._shown = False
        self._total, self._done = 0, 0

    def begin(self, total: int) -> None:
        """Start counting bytes towards `total`."""
        self._total, self._done = total, 0

    def add(self, size: int, what: str) -> None:
        """Add copied bytes of `what`."""
        self._done += size
        self.show(what, self._done, max(self._total, self._done))

    def show(self, what: str, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        now = time.monotonic()
        if not self._terminal or (now < self._next and done < total):
            return
        self._next = now + EVERY
        self._shown = True
        share = 100 * done // total if total else 100
        line = f"{what}: {share} %, {done / MEBIBYTE:.1f} of {total / MEBIBYTE:.1f} MiB"
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._shown:
            print(file=sys.stderr)
            self._shown = False
