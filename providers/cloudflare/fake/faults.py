"""Injected faults for the next matching requests."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_DELAY = 60.0
"""Seconds the slowest answer takes."""


class Fault(BaseModel):
    """`match` is a part of "METHOD /path"; `times` how often it occurs.

    status: answer with `status` (and `retry_after`). reset: close the connection before anything is done. reset_after: do it,
    then close without an answer. slow: wait `seconds` first. null_messages and no_code: bend the error envelope.
    garbage: 200 with a body that is not JSON.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["status", "reset", "reset_after", "slow", "null_messages", "no_code", "garbage"]
    match: str = ""
    times: int = Field(default=1, ge=1, le=10_000)
    status: int = Field(default=500, ge=400, le=599)
    retry_after: int | None = None
    seconds: float = Field(default=1.0, ge=0, le=MAX_DELAY)


class Faults:
    """Pending faults, in the order they were requested."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def pop(self, request_line: str) -> Fault | None:
        """Return the first fault that matches and count one use of it."""
        for fault in self._waiting:
            if fault.match in request_line:
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
                return fault
        return None
