"""Schemathesis against the live port: what the document promises is what is answered, whatever is sent."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.api.conference import CONFERENCE
from tests.api.conftest import Api
from tests.api.desk import desk_of, source_of
from tests.api.people import first

EXAMPLES = 25
"""Examples per operation and phase."""

SEED = 20260101
RUN_TIMEOUT = 480.0

CONFIG = """
[parameters]
"path.organization_id" = "{organization}"
"path.channel_id" = "{channel}"
"path.user_id" = "{user}"
"path.member_id" = "{user}"
"path.message_id" = "{message}"
"path.webhook_id" = "{webhook}"
"path.delivery_id" = "{delivery}"

"path.account_id" = {account}
"path.inbox_id" = {inbox}
"path.contact_id" = {contact}
"path.conversation_id" = {conversation}
"path.inbox_identifier" = "{inbox_identifier}"
"path.contact_identifier" = "{source}"

[checks]
# An unknown id in the path is a 404, and so is a bad cursor.
positive_data_acceptance.expected-statuses = ["2xx", 304, 404, 409]

[[operations]]
# A group that is not the organization is refused.
include-path = "{meeting_token}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 403, 404, 409]

# The room the others meet in must stay: something else is deleted.
[[operations]]
include-operation-id = "delete_channel"
parameters = {{ "path.channel_id" = "{doomed}" }}

[[operations]]
include-operation-id = "delete_message"
parameters = {{ "path.channel_id" = "{doomed}" }}

[[operations]]
include-operation-id = "remove_member"
parameters = {{ "path.channel_id" = "{doomed}" }}

[[operations]]
include-operation-id = "delete_webhook"
parameters = {{ "path.webhook_id" = "{doomed_webhook}" }}

# Addresses that are not public, and events that do not exist yet: 400.
[[operations]]
include-tag = "Webhooks"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409]

# Rules that a schema cannot say, such as an email address that another contact has: 422.
[[operations]]
include-path-regex = "^/api/v1/|^/public/api/"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 422]

# Made-up users do not exist: 400.
[[operations]]
include-operation-id = "create_channel"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400]

[[operations]]
include-operation-id = "add_member"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]

[[operations]]
include-operation-id = "open_direct"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 403, 404]
"""


API_CHANNEL = "^/api/v1/|^/public/api/"


@pytest.mark.timeout(540)
@pytest.mark.parametrize(
    "part",
    [
        ("--exclude-path-regex", f"/stream_events$|{API_CHANNEL}"),  # an event stream never ends
        ("--include-path-regex", API_CHANNEL),
    ],
    ids=["pub api", "api channel"],
)
async def test_schemathesis_finds_nothing(api: Api, tmp_path: Path, part: tuple[str, str]) -> None:
    await api.store.directory.set_manager(
        api.user, True, datetime.now(UTC)
    )  # before the token is first used, and cached
    channel = await api.channel()
    await api.post(api.conference(channel) + "/create_stream")
    ada = first(api)
    desk = await desk_of(api)
    inbox = await desk.inbox()
    contact = await desk.contact(inbox["id"])
    begun = await desk.post("conversations", {"source_id": source_of(contact)})
    message = await ada.say(channel)
    webhook, doomed = [
        await ada.made("webhooks", {"endpoint_url": "https://hooks.example.com", "channel_subscriptions": []})
        for _ in range(2)
    ]
    _, delivery = await ada.post(f"webhooks/{webhook['id']}/test")
    known = {
        "organization": api.organization,
        "user": ada.id,
        "channel": channel,
        "doomed": await ada.channel("Doomed"),
        "message": message["id"],
        "webhook": webhook["id"],
        "doomed_webhook": doomed["id"],
        "delivery": delivery["id"],
        "account": desk.account,
        "inbox": inbox["id"],
        "contact": contact["id"],
        "conversation": begun["id"],
        "inbox_identifier": inbox["inbox_identifier"],
        "source": source_of(contact),
    }
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(**known, meeting_token=CONFERENCE + "/token"))
    runner = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"),
        *("--config-file", str(config), "run", str(api.client.make_url("/openapi.json"))),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
        *part,
        *("--seed", str(SEED), "--generation-database", "none", "--no-color", "--suppress-health-check", "all"),
        *("--header", f"Authorization: Token {api.token}", "--header", f"api_access_token: {desk.token}"),
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
