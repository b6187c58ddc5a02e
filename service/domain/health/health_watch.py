"""Writes an event when a problem of an incoming stream begins, and when it is over.

    every `check_every` ─▶ each input on the air: the provider's measurements ─▶ diagnostics ─▶ compare with the last check

A problem counts once two checks in a row have found it, and is over once two in a row have not. The present problems are stored, so
that a restart neither repeats nor forgets one. Providers that do not measure have no problems.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from providers.base import InputNotFound, InputUid, Provider, Spawn
from service.domain.errors import Unavailable, provider_errors
from service.domain.events.ports import Transactions
from service.domain.health.changes import FindingBegan, FindingEnded
from service.domain.health.diagnostics import HealthFinding, findings
from service.domain.streams.place import place
from service.domain.streams.ports import StreamTransaction
from service.domain.streams.session import SessionStore


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """Counts, and times in seconds."""

    check_every: float = 5.0
    """Time between two checks."""
    max_checked: int = 200
    """Inputs on the air that are checked."""


class FindingStore(Protocol):
    """The problems of incoming streams, by their codes. Every method may raise `errors.Unavailable`."""

    async def note_findings(self, uid: InputUid, codes: Collection[str]) -> None:
        """Store the present problems of an input."""

    async def locked_findings(self, uid: InputUid) -> frozenset[str]:
        """Return the problems of an input. Other transactions that do the same for it wait until the end of this one."""

    async def findings(self) -> dict[InputUid, frozenset[str]]:
        """Return the inputs that have problems."""


class HealthTransaction(StreamTransaction, Protocol):
    """A transaction with the problems of incoming streams."""

    @property
    def findings(self) -> FindingStore: ...


class HealthWatch:
    """Call `start` once the provider runs."""

    def __init__(
        self,
        provider: Provider,
        sessions: SessionStore,
        store: FindingStore,
        transactions: Transactions[HealthTransaction],
        spawn: Spawn,
        limits: WatchLimits | None = None,
    ) -> None:
        self._provider = provider
        self._sessions = sessions
        self._store = store
        self._transactions = transactions
        self._spawn = spawn
        self._limits = limits or WatchLimits()
        self._reported: dict[InputUid, frozenset[str]] | None = None
        self._before: dict[InputUid, frozenset[str]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the background task."""
        self._task = self._spawn(self._run(), name="stream health")

    async def aclose(self) -> None:
        """Stop. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.check()
            await asyncio.sleep(self._limits.check_every)

    async def check(self) -> None:
        """Compare the problems with those of the check before, and write what has changed. Errors: Unavailable."""
        if self._reported is None:
            self._reported = await self._store.findings()
        with provider_errors():
            on_air = self._provider.on_air() or {}
        watched = [*on_air][: self._limits.max_checked]
        before, self._before = self._before, {}
        for uid in dict.fromkeys([*watched, *self._reported]):
            if self._provider.is_elsewhere(uid):
                continue
            present = {each.code: each for each in (await self._findings(uid) if uid in on_air else [])}
            codes = self._before[uid] = frozenset(present)
            reported = self._reported.get(uid, frozenset())
            last = before.get(uid, reported)
            began, ended = (codes & last) - reported, reported - codes - last
            if began or ended:
                self._reported[uid] = await self._write(uid, [present[code] for code in sorted(began)], ended)
        self._reported = {uid: codes for uid, codes in self._reported.items() if codes}

    async def _findings(self, uid: InputUid) -> list[HealthFinding]:
        try:
            with provider_errors():
                return findings(await self._provider.health(uid))
        except InputNotFound:
            return []

    async def _write(self, uid: InputUid, began: list[HealthFinding], ended: frozenset[str]) -> frozenset[str]:
        """Write what has changed, unless another node has written it. Return the problems that are stored then."""
        owner = await self._sessions.input_owner(uid)
        async with self._transactions.transaction() as tx:
            stored = await tx.findings.locked_findings(uid)
            now = (stored | {each.code for each in began}) - ended
            await tx.findings.note_findings(uid, now)
            if owner is not None:
                where = await place(tx.channels, *owner)
                for finding in began:
                    if finding.code not in stored:
                        tx.record(FindingBegan(where, finding))
                for code in sorted(ended & stored):
                    tx.record(FindingEnded(where, code))
        return now
