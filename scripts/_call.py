"""One call to the API: `_call.py METHOD URL [FIELD]…`, with the token and the JSON body from API_TOKEN and API_BODY.

Prints the fields of the answer (`id`, `results.0.id`), one a line.
Exit codes: 0, 1 no answer, no such field or an error, 3 the token is refused. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

TIMEOUT = 10.0


def main(method: str, url: str, *fields: str) -> int:
    """Make the call; see the module."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token := os.environ.get("API_TOKEN"):
        headers["Authorization"] = f"Token {token}"
    body = os.environ.get("API_BODY", "").encode() or None
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=TIMEOUT) as response:
            answer = response.read()
    except urllib.error.HTTPError as error:
        with error:
            print(f"{method} {url}: {error.code}", file=sys.stderr)
            return 3 if error.code == 401 else 1
    except OSError as error:
        print(f"{method} {url}: {error}", file=sys.stderr)
        return 1
    found = json.loads(answer) if fields else {}
    try:
        values = [value_at(found, field) for field in fields]
    except (LookupError, ValueError):
        return 1
    for value in values:
        print(value)
    return 0


def value_at(found: Any, path: str) -> Any:
    """Return the value at a path like `results.0.id`. Errors: LookupError, ValueError."""
    for name in path.split("."):
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
