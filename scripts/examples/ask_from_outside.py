#!/usr/bin/env python3
"""Carry a message of a contact into an inbox of the API channel, with Python and nothing else.

    API_URL=http://127.0.0.1:8080 API_TOKEN=… scripts/examples/ask_from_outside.py "WhatsApp" "When does it start?"

Three steps: create the contact, create a conversation of its session, and post an incoming message. Before them, the script looks
up the account of the token and the inbox. `python -m service inbox create` makes an inbox.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from typing import Any

TIMEOUT = 10


def call(path: str, body: Any = None) -> Any:
    """Call the API. A response that is no success raises an exception."""
    url = os.environ["API_URL"].rstrip("/") + path
    headers = {"api_access_token": os.environ["API_TOKEN"], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=TIMEOUT) as response:
        return json.load(response)


def main(inbox_name: str, text: str) -> int:
    """Take the three steps."""
    account = f"/api/v1/accounts/{call('/api/v1/profile')['account_id']}"
    inboxes = call(f"{account}/inboxes")["payload"]
    inbox = next((each for each in inboxes if each["name"] == inbox_name), None)
    if inbox is None:
        print(f"There is no inbox {inbox_name!r}.", file=sys.stderr)
        return 1
    contact = call(f"{account}/contacts", {"inbox_id": inbox["id"], "name": "A visitor"})
    source_id = contact["contact_inboxes"][0]["source_id"]
    conversation = call(f"{account}/conversations", {"source_id": source_id})
    messages = f"{account}/conversations/{conversation['id']}/messages"
    message = call(messages, {"content": text, "message_type": "incoming"})
    print(f"Message {message['id']} is in conversation {conversation['id']}.")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
