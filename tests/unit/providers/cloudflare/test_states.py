"""The status that players receive when answers, webhooks and clocks come as they please; both hosts are scripted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from providers.base import InputNotFound, Phase, ProviderUnavailable
from providers.cloudflare import mapping
from providers.cloudflare.states import StateLimits, States
from tests.clock import Clock

UID = "c" * 32
LIVE = {"isInput": True, "videoUID": "e" * 32, "live": True}
IDLE = {"isInput": True, "videoUID": None, "live": False}


class Hosts:
    """Implements `states.Source`. `encoder` is what the API says; it waits for `gate` after having looked."""

    def __init__(self) -> None:
        self.encoder: object = "connected"
        self.lifecycle: dict[str, Any] = LIVE
        self.away = self.deleted = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def deliver(self, path: str) -> tuple[int, Any]:
        return (404, None) if self.deleted else (200, self.lifecycle)

    async def input_shape(self, uid: str, *, polling: bool = False) -> mapping.Shape:
        shape = {"uid": uid, "status": {"current": {"state": self.encoder}}}
        self.asked.set()
        await self.gate.wait()
        if self.away:
            raise ProviderUnavailable("away")
        if self.deleted:
            raise InputNotFound(uid)
        return shape

    async def video(self, uid: str, *, polling: bool = False) -> mapping.Shape | None:
        return None


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(hosts: Hosts, clock: Clock) -> States:
    return States(hosts, clock.now)


async def test_a_webhook_that_comes_while_the_api_is_read_is_followed_by_another_read(
    known: States, hosts: Hosts, clock: Clock
) -> None:
    await known.state(UID)
    clock.advance(20)
    hosts.gate.clear()
    hosts.asked.clear()
    reading = asyncio.ensure_future(known.state(UID))
    await hosts.asked.wait()
    hosts.encoder = "disconnected"  # the answer under way is older than this
    known.wake(UID)
    hosts.gate.set()
    assert (await reading).phase is Phase.LIVE
    assert (await known.state(UID)).phase is Phase.RECONNECTING


async def test_a_read_that_was_given_up_leaves_the_webhook_to_the_next(
    known: States, hosts: Hosts, clock: Clock
) -> None:
    await known.state(UID)
    hosts.encoder = "disconnected"
    known.wake(UID)
    hosts.gate.clear()
    hosts.asked.clear()
    reading = asyncio.ensure_future(known.state(UID))
    await hosts.asked.wait()
    reading.cancel()
    hosts.gate.set()
    await asyncio.wait([reading])
    assert (await known.state(UID)).phase is Phase.RECONNECTING


async def test_a_clock_that_is_set_back_freezes_no_state(known: States, hosts: Hosts, clock: Clock) -> None:
    await known.state(UID)
    clock.advance(-3600)
    hosts.encoder, hosts.lifecycle = "disconnected", IDLE
    assert (await known.state(UID)).phase is Phase.ENDED


async def test_an_api_that_never_answers_hides_no_watchable_stream(hosts: Hosts, clock: Clock) -> None:
    known = States(hosts, clock.now, StateLimits(api_timeout=0.01))
    hosts.encoder, hosts.lifecycle = "disconnected", IDLE
    assert not (await known.state(UID)).is_watchable
    hosts.gate.clear()
    hosts.lifecycle = LIVE
    clock.advance(2)
    assert (await known.state(UID)).is_watchable


async def test_a_connection_that_the_delivery_host_contradicts_is_degraded(hosts: Hosts, clock: Clock) -> None:
    known = States(hosts, clock.now, StateLimits(api_timeout=0.01))
    assert not (await known.state(UID)).degraded
    hosts.gate.clear()
    hosts.lifecycle = {**LIVE, "status": "disconnected"}
    clock.advance(2)
    assert (await known.state(UID)).degraded


@pytest.mark.parametrize("word", [{"state": "connected"}, ["connected"], 7, None])
async def test_a_word_of_no_known_kind_is_an_unknown_word(known: States, hosts: Hosts, word: object) -> None:
    hosts.encoder = word
    assert (await known.state(UID)).phase is Phase.LIVE


# When the API cannot be asked, the delivery host's newer word counts.


async def test_a_stream_begun_while_the_api_cannot_be_asked_is_live(known: States, hosts: Hosts, clock: Clock) -> None:
    hosts.encoder, hosts.lifecycle = "disconnected", IDLE
    assert (await known.state(UID)).phase is Phase.OFFLINE
    hosts.away, hosts.lifecycle = True, LIVE
    for _ in range(3):
        clock.advance(2)
        state = await known.state(UID)
        assert (state.phase, state.is_connected, state.degraded) == (Phase.LIVE, True, True)
    hosts.away, hosts.encoder = False, "connected"
    clock.advance(2)
    state = await known.state(UID)
    assert (state.phase, state.is_connected, state.degraded) == (Phase.LIVE, True, False)


async def test_a_stream_that_ended_while_the_api_cannot_be_asked_is_not_about_to_start(
    known: States, hosts: Hosts, clock: Clock
) -> None:
    assert (await known.state(UID)).phase is Phase.LIVE
    hosts.away, hosts.lifecycle = True, IDLE
    clock.advance(2)
    state = await known.state(UID)
    assert (state.phase, state.is_connected, state.degraded) == (Phase.ENDED, False, True)


async def test_an_encoder_the_delivery_host_misses_is_lost_while_the_api_cannot_be_asked(
    known: States, hosts: Hosts, clock: Clock
) -> None:
    assert (await known.state(UID)).phase is Phase.LIVE
    hosts.away, hosts.lifecycle = True, {**LIVE, "status": "disconnected"}
    clock.advance(2)
    state = await known.state(UID)
    assert (state.phase, state.is_connected, state.is_watchable) == (Phase.RECONNECTING, False, True)


async def test_a_hold_stays_a_hold_while_the_api_cannot_be_asked(known: States, hosts: Hosts, clock: Clock) -> None:
    await known.state(UID)
    hosts.encoder = "disconnected"
    known.wake(UID)
    assert (await known.state(UID)).phase is Phase.RECONNECTING
    hosts.away = True
    known.wake(UID)
    clock.advance(2)
    assert (await known.state(UID)).phase is Phase.RECONNECTING


async def test_an_input_unknown_to_the_delivery_host_is_read_from_the_api_at_once(
    known: States, hosts: Hosts, clock: Clock
) -> None:
    hosts.encoder, hosts.lifecycle = "disconnected", IDLE
    await known.state(UID)
    hosts.deleted = True
    clock.advance(2)
    with pytest.raises(InputNotFound):
        await known.state(UID)
