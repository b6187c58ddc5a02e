"""The broadcasts that other nodes carry, as this node knows them, and what this node tells the others of its own.

    own session flips ─▶ exchange (and the row of the claim)
    exchange ─▶ state here, at once ─▶ listeners; every second the registry: which broadcasts run, and where
    the input changed at another node ─▶ read it from the store, apply it to the session here

Without the exchange, the row's last state is used, marked as degraded, and changes of inputs are found by reading them at
intervals. A node that is alone does none of this, except for publishing its flips.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from providers.base import ON_AIR, EventKind, InputState, InputUid, Phase, ProviderEvent, Spawn
from providers.local.abandoned import AbandonedBroadcasts
from providers.local.live.registry import BroadcastRegistry
from providers.local.ownership.exchange import EXPIRES_AFTER, Exchange, NoExchange
from providers.local.ownership.keeper import ClaimKeeper
from providers.local.ownership.port import Carried, Ownership
from providers.local.ownership.state_text import decoded, encoded
from providers.local.ports.inputs import InputStore
from providers.local.ports.refusals import Refusal

log = structlog.get_logger(__name__)

STEP = 0.5
"""Seconds between two rounds. In each, states with a running countdown are published."""

REFRESH_EVERY, PUBLISH_EVERY, READ_INPUTS_EVERY = 2, 4, 10
"""Rounds between two reads of the registry, two publications of all states, and two reads of the inputs of running broadcasts.
With the last, abandoned broadcasts are ended."""

MAX_SEEN = 10_000
"""Broadcasts of other nodes whose states are kept. They expire."""

EVENTS = {Phase.LIVE: EventKind.WATCHABLE, Phase.RECONNECTING: EventKind.LOST, Phase.ENDED: EventKind.ENDED}
"""The events that lead to a phase; `connected` to the others."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state that another node has published, until when it counts, on the steady clock, and the uid of its media."""

    state: InputState
    until: float
    media: str | None


class Peers:
    """The other nodes. Without an `exchange` there can be none.

    `clock` gives Unix time, `monotonic` a steady time, in seconds.
    """

    def __init__(
        self,
        ownership: Ownership,
        exchange: Exchange | None,
        claims: ClaimKeeper,
        broadcasts: BroadcastRegistry,
        inputs: InputStore,
        notify: Callable[[ProviderEvent], None],
        spawn: Spawn,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._ownership = ownership
        self._exchange = exchange or NoExchange()
        self._claims = claims
        self._broadcasts = broadcasts
        self._inputs = inputs
        self._notify = notify
        self._spawn = spawn
        self._abandoned = AbandonedBroadcasts(ownership, inputs, monotonic)
        self._clock = clock
        self._monotonic = monotonic
        self._rows: dict[InputUid, Carried] = {}
        self._seen: dict[InputUid, _Seen] = {}
        self._ended: dict[InputUid, int] = {}
        """The fences of broadcasts whose end was published; the registry may still have them."""
        self._media: dict[str, InputUid] | None = None
        """By the uids of the media; None after a change."""
        self._refresh_due = False
        """A broadcast is known whose row is not."""
        self._silent = False
        self._task: asyncio.Task[None] | None = None
        self._may_have_peers = exchange is not None
        if exchange is not None:
            broadcasts.flipped = self._publish
            exchange.listen(self._receive)

    async def start(self) -> None:
        """Follow the other nodes from now on, if there can be any."""
        if self._may_have_peers:
            await self.refresh()
            self._task = self._spawn(self._run(), name="peers")

    async def aclose(self) -> None:
        """Stop. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # What others carry

    def state(self, uid: InputUid) -> InputState | None:
        """Return the state of a broadcast that another node carries; None if none does, as far as this node knows."""
        if self._broadcasts.session(uid) is not None:
            return None
        seen, row = self._seen.get(uid), self._rows.get(uid)
        if seen is not None and self._monotonic() < seen.until:
            return replace(seen.state, as_of=self._now()) if seen.state.is_watchable else seen.state
        return None if row is None else self._last_known(row)

    def phases(self) -> dict[InputUid, Phase]:
        """Return the phases of the broadcasts that other nodes carry."""
        states = {uid: self.state(uid) for uid in {*self._rows, *self._seen}}
        return {uid: state.phase for uid, state in states.items() if state is not None and state.phase in ON_AIR}

    def url_of(self, uid: str) -> str | None:
        """Return where the node is reached that carries this input or media (`providers.local.playback.ports.Owners`)."""
        row = self._rows.get(InputUid(uid)) or self._rows.get(self._inputs_of_media().get(uid, InputUid("")))
        if row is None or not row.alive or self._broadcasts.session(row.claim.input_uid) is not None:
            return None
        return row.url

    def _inputs_of_media(self) -> dict[str, InputUid]:
        """Return the inputs by the uids of their media."""
        if self._media is None:
            known = {uid: seen.media for uid, seen in self._seen.items()}
            for uid, row in self._rows.items():
                if known.get(uid) is None and row.claim.state and (found := decoded(row.claim.state, 0.0)) is not None:
                    known[uid] = found[1]
            self._media = {media: uid for uid, media in known.items() if media is not None}
        return self._media

    def input_changed(self, uid: InputUid) -> None:
        """Tell the other nodes that an input was changed or deleted."""
        self._exchange.changed(uid)

    def _last_known(self, row: Carried) -> InputState:
        """Return the state from the row: the exchange or the node is out of reach."""
        known = None if row.claim.state is None else decoded(row.claim.state, self._clock())
        if known is not None:
            state, _ = known
        else:
            state = InputState(Phase.CONNECTING, row.held, False, 0.0, as_of=self._now(), since=row.claimed_at)
        if not row.alive:
            return replace(state, phase=Phase.RECONNECTING, is_connected=False, reason="node_lost", degraded=True)
        return replace(state, degraded=True)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    # Messages

    def _receive(self, uid: InputUid, text: str | None) -> None:
        if text is None:
            if self._broadcasts.session(uid) is not None:
                self._spawn(self._follow_input(uid), name=f"read changed input {uid}")
            else:
                self._broadcasts.changed()
            return
        before = self.state(uid)
        if text:
            self._note(uid, text)
            self._refresh_due = self._refresh_due or uid not in self._rows
        else:
            self._seen.pop(uid, None)
            if (row := self._rows.pop(uid, None)) is not None:
                self._ended[uid] = row.claim.fence
        self._report(uid, before, ended=not text)

    def _note(self, uid: InputUid, text: str) -> None:
        room = uid in self._seen or len(self._seen) < MAX_SEEN
        if room and (found := decoded(text, self._clock())) is not None:
            state, media = found
            if (before := self._seen.get(uid)) is None or before.media != media:
                self._media = None
            self._seen[uid] = _Seen(state, self._monotonic() + EXPIRES_AFTER, media)

    def _report(self, uid: InputUid, before: InputState | None, *, ended: bool = False) -> None:
        """Notify the listeners if what players see has changed, or the broadcast has ended."""
        after = self.state(uid)
        if ended or _shown(after) != _shown(before):
            phase = Phase.ENDED if after is None else after.phase
            self._notify(ProviderEvent(EVENTS.get(phase, EventKind.CONNECTED), uid, self._now(), elsewhere=True))

    def _publish(self, uid: InputUid) -> None:
        """Tell the others the state of a broadcast of this node."""
        text = self._text(uid)
        self._exchange.publish(uid, text)
        if text:
            self._claims.describe(uid, text)

    def _text(self, uid: InputUid) -> str:
        """Return the state of a broadcast of this node as a text, "" if it has ended."""
        session, broadcast = self._broadcasts.session(uid), self._broadcasts.of_input(uid)
        if session is None:
            return ""
        return encoded(session.state(), None if broadcast is None else broadcast.info.uid)

    async def _follow_input(self, uid: InputUid) -> None:
        """Apply the input as it is in the store now to the broadcast that runs here."""
        try:
            stored = await self._inputs.get(uid)
        except Exception as problem:  # read again at the next interval
            log.warning("changed input not read", input=uid, problem=type(problem).__name__)
            return
        session = self._broadcasts.session(uid)
        if session is None or stored != session.stored:
            self._broadcasts.changed()
        if session is None:
            return
        try:
            if stored is None:
                session.stop("deleted", Refusal.INPUT_DELETED)
            elif not stored.enabled:
                session.stop("disabled", Refusal.INPUT_DISABLED)
            else:
                session.stored = stored
                session.check()
        except Exception:  # one broadcast that fails must not stop the others; the broadcast clock ends it
            log.exception("changed input not applied", input=uid)

    # Rounds

    async def _run(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(STEP)
            number += 1
            if not (self._claims.has_peers or self._rows or self._seen):
                continue
            for uid, phase in self._broadcasts.phases().items():
                if number % PUBLISH_EVERY == 0 or phase in (Phase.CONNECTING, Phase.STARTING):
                    self._exchange.publish(uid, self._text(uid))
            if self._refresh_due or number % REFRESH_EVERY == 0:
                await self.refresh()
            if number % READ_INPUTS_EVERY == 0:
                for uid in list(self._broadcasts.phases()):
                    await self._follow_input(uid)
                await self._end_abandoned()

    async def refresh(self) -> None:
        """Read which broadcasts run on other nodes, and the states that were not received."""
        self._refresh_due = False
        try:
            running = await self._ownership.running()
        except Exception as problem:  # what is known goes on
            if not self._silent:
                log.warning("broadcasts of other nodes not read", problem=type(problem).__name__)
            self._silent = True
            return
        self._silent = False
        rows = {each.claim.input_uid: each for each in running if each.node != self._claims.node_name}
        self._ended = {
            uid: fence for uid, fence in self._ended.items() if uid in rows and rows[uid].claim.fence <= fence
        }
        rows = {uid: row for uid, row in rows.items() if uid not in self._ended}
        before = {uid: self.state(uid) for uid in {*rows, *self._rows}}
        self._rows, self._media = rows, None
        now = self._monotonic()
        self._seen = {uid: seen for uid, seen in self._seen.items() if now < seen.until}
        for uid, text in (await self._exchange.states([uid for uid in rows if uid not in self._seen])).items():
            self._note(uid, text)
        for uid, earlier in before.items():
            self._report(uid, earlier)

    async def _end_abandoned(self) -> None:
        """End the broadcasts of nodes that do not come back, and report it in their place."""
        for uid in await self._abandoned.end([] if self._silent else list(self._rows.values())):
            self._rows.pop(uid, None)
            self._seen.pop(uid, None)
            self._media = None
            self._notify(ProviderEvent(EventKind.ENDED, uid, self._now()))


def _shown(state: InputState | None) -> object:
    """Return what players see of a state, apart from its times."""
    return state and (state.phase, state.is_connected, state.is_watchable, state.tracks, state.degraded)
