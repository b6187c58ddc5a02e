"""Schemathesis against the live port: what the document promises is what is answered, whatever is sent."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from service.api.conference import CONFERENCE
from tests.api.conftest import Api

EXAMPLES = 25
"""Examples per operation and phase."""

SEED = 20260101
RUN_TIMEOUT = 240.0

CONFIG = """
[parameters]
"path.organization_id" = "{organization}"
"path.channel_id" = "{channel}"
"path.user_id" = "{user}"

[checks]
# An unknown id in the path is a 404, and so is a bad cursor.
positive_data_acceptance.expected-statuses = ["2xx", 304, 404, 409]

[[operations]]
# A group that is not the organization is refused.
include-path = "{meeting_token}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 403, 404, 409]
"""


@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing(api: Api, tmp_path: Path) -> None:
    channel = await api.channel()
    await api.post(api.conference(channel) + "/create_stream")
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            organization=api.organization, channel=channel, user=api.user, meeting_token=CONFERENCE + "/token"
        )
    )
    runner = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"),
        *("--config-file", str(config), "run", str(api.client.make_url("/openapi.json"))),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
        *("--seed", str(SEED), "--generation-database", "none", "--no-color", "--suppress-health-check", "all"),
        *("--header", f"Authorization: Token {api.token}"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_TIMEOUT):
            output, _ = await runner.communicate()
    except TimeoutError:
        runner.kill()
        output, _ = await runner.communicate()
    report = output.decode(errors="replace")
    assert runner.returncode == 0, report[-12_000:]
