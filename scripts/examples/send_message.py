#!/usr/bin/env python3
"""Say something in a channel, with Python and nothing else.

    API_URL=http://127.0.0.1:8080 API_TOKEN=… scripts/examples/send_message.py "Town hall"

Three calls: read the token's user (and organization), list the channels page by page, and post the message.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

TIMEOUT = 10

BODY = {
    "version": 3,
    "chunks": [
        {"type": "text", "text": "We go live in ten minutes. Questions beforehand: "},
        {"type": "link", "kind": "email", "text": "studio@example.com"},
        {"type": "text", "text": "\nSee you there!"},
    ],
    "externalView": {"url": "https://example.com/programme", "title": "Programme"},
}


class Api:
    """The API as the owner of a token sees it."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; `path` may also be a whole URL, as `next` is. An answer that is no success is an exception."""
        url = path if path.startswith("http") else self._url + path
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, self._headers, method=method)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return json.load(response)

    def all_of(self, path: str) -> Iterator[Any]:
        """Every item of a collection. A page may be short: only `next` says whether there is more."""
        while path:
            page = self.call("GET", path)
            yield from page["results"]
            path = page["next"]


def main(channel_name: str) -> int:
    """Find the channel by its name and say BODY there."""
    api = Api(os.environ["API_URL"], os.environ["API_TOKEN"])
    me = api.call("GET", "/api/v5/users/me")
    print(f"I am {me['first_name']} of {me['organization']['name']}.")
    channels = f"/api/pub/v1/orgs/{me['organization_id']}/channels"
    found = next((each for each in api.all_of(channels) if each["name"] == channel_name), None)
    if found is None:
        print(f"There is no channel {channel_name!r}.", file=sys.stderr)
        return 1
    sent = api.call("POST", f"{channels}/{found['id']}/messages", {"body": BODY})
    print(f"Message {sent['id']} was sent at {sent['created_at']}.")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
