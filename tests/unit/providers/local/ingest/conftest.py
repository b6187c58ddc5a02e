"""A gate that keeps what comes, and servers that ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.concurrency.tasks import Tasks
from tests.unit.providers.local.ingest.gates import RecordingGate
from tests.unit.providers.local.ingest.listening import Listening, listening_servers


@pytest.fixture
def gate() -> RecordingGate:
    return RecordingGate()


@pytest.fixture
async def listening(gate: RecordingGate, tasks: Tasks) -> AsyncIterator[Listening]:
    async with listening_servers(gate, tasks.spawn) as start:
        yield start
