"""Ingest servers on free ports, and the check that nothing is left of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from providers.base import Spawn
from providers.local.ingest.limits import IngestLimits
from providers.local.ingest.server import IngestServer
from tests.unit.providers.local.ingest.gates import RecordingGate

LIMITS = IngestLimits(sweep_interval=0.02)

Listening = Callable[..., Awaitable[tuple[IngestServer, int]]]
"""Starts a server with these limits changed: the server and its port."""


@asynccontextmanager
async def listening_servers(gate: RecordingGate, spawn: Spawn) -> AsyncIterator[Listening]:
    """Start servers; at the end they stop and nothing is left of them."""
    servers: list[IngestServer] = []

    async def start(**limits: float) -> tuple[IngestServer, int]:
        server = IngestServer(gate, spawn, replace(LIMITS, **limits))  # type: ignore[arg-type]
        servers.append(server)
        return server, await server.listen("127.0.0.1", 0)

    yield start
    for server in servers:
        await server.aclose()
        assert (server.counters.connections, server.counters.publishers) == (0, 0)
