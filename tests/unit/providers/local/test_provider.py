"""What the local provider says before it has started, and of changes that overtake each other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from providers.base import EventKind, InputNotFound, InputOptions, InputRequest, LiveInput, Phase, ProviderUnavailable
from providers.health import RefusalKind
from providers.local.config import LocalConfig
from providers.local.ports.inputs import MemoryInputStore, StoredInput
from providers.local.provider import LocalProvider
from providers.local.storage.storage import StorageLimits
from providers.local.transcoder.renditions import parse_renditions
from service.concurrency.tasks import Tasks
from tests.unit.providers.local.ingest.clients import Client
from tests.waiting import until


class Store(MemoryInputStore):
    """Answers the first change late: it is made at once, and answered when `gate` opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None
        self.made = asyncio.Event()

    async def change(self, uid: str, **changes: Any) -> StoredInput | None:
        changed = await super().change(uid, **changes)
        gate, self.gate = self.gate, None
        if gate is not None:
            self.made.set()
            await gate.wait()
        return changed


HEVC_HEADER = bytes.fromhex("1c00000000")
"""A keyframe with codec id 12, which encoders use for HEVC in plain FLV."""


async def publish(live: LiveInput) -> Client:
    """Return an encoder that publishes to the live input."""
    client = await Client.to_input(live)
    client.publish(live.stream_key)
    assert (await client.read_statuses())[-1][0] == "status"
    return client


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def provider(tmp_path: Path, store: Store, tasks: Tasks) -> AsyncIterator[LocalProvider]:
    """Not started."""
    config = LocalConfig(
        directory=tmp_path,
        public_url="http://127.0.0.1:1",
        public_rtmp_host="127.0.0.1",
        rtmp_host="127.0.0.1",
        rtmp_port=0,
        rtmps_port=0,
        tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        renditions=parse_renditions("source"),
        max_transcodes=0,
        storage_limits=StorageLimits(min_free=0),
    )
    provider = LocalProvider(config, store, tasks.spawn)
    yield provider
    await provider.aclose()


async def test_nothing_is_said_of_a_stream_before_what_a_restart_interrupted_is_read(provider: LocalProvider) -> None:
    live = await provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    for asked in (provider.state(live.uid), provider.recordings(live.uid), provider.recording("b" * 32)):
        with pytest.raises(ProviderUnavailable):
            await asked
    with pytest.raises(ProviderUnavailable):
        provider.on_air()
    await provider.start()
    assert not (await provider.state(live.uid)).is_watchable


async def test_a_repeated_delete_ends_the_broadcast_of_a_deleted_input(provider: LocalProvider, store: Store) -> None:
    await provider.start()
    live = await provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    encoder = await publish(live)
    assert live.uid in provider.on_air()
    await store.delete(live.uid)
    with pytest.raises(InputNotFound):
        await provider.delete_input(live.uid)
    assert live.uid not in provider.on_air()
    await encoder.read_to_end()
    await encoder.close()


async def test_of_two_changes_at_once_a_broadcast_goes_by_the_newest(provider: LocalProvider, store: Store) -> None:
    await provider.start()
    live = await provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    encoder = await publish(live)
    gate = store.gate = asyncio.Event()
    first = asyncio.ensure_future(provider.update_input(live.uid, InputOptions(reconnect_timeout=0)))
    await store.made.wait()
    second = asyncio.ensure_future(provider.update_input(live.uid, InputOptions(reconnect_timeout=600)))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, second)
    events: list[EventKind] = []
    provider.listen(lambda event: events.append(event.kind))
    await encoder.close()
    await until(lambda: EventKind.LOST in events)
    assert provider.on_air() == {live.uid: Phase.RECONNECTING}


@pytest.mark.parametrize("change", ["rotate_key", "enable"])
async def test_health_names_a_refused_encoder_until_the_owner_changes_the_input(
    provider: LocalProvider, change: str
) -> None:
    await provider.start()
    live = await provider.ensure_input(InputRequest("b" * 32, "channel", "Lesson"))
    encoder = await publish(live)
    encoder.send(encoder.encoder.video(0, HEVC_HEADER))
    await encoder.read_to_end()
    await encoder.close()
    refusal = (await provider.health(live.uid)).refusal

    if change == "rotate_key":
        await provider.rotate_key(live.uid)
    else:
        await provider.set_enabled(live.uid, True)

    assert refusal is not None
    assert (refusal.kind, "HEVC" in refusal.sentence) == (RefusalKind.CODEC, True)
    assert (await provider.health(live.uid)).refusal is None
