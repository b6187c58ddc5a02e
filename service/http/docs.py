"""/openapi.json and /docs: the API for machines and for people. Everything the page needs is served from here."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from aiohttp import web

from service.http.web_files import Packed, PackedFile, pack

VENDOR = "vendor"
SCRIPT = "rapidoc-min.js"
SCRIPT_MAX_AGE = 86_400
"""Seconds the vendored script may be cached."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference</title>
<link rel="icon" href="{root}icon.svg" type="image/svg+xml">
<script type="module" src="{root}docs/{script}"></script>
</head>
<body>
<rapi-doc spec-url="{root}openapi.json" load-fonts="false" render-style="read" theme="light"
 allow-spec-url-load="false" allow-spec-file-load="false" show-header="false"></rapi-doc>
</body>
</html>
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def _script() -> Packed:
    """Return the vendored script."""
    return pack(resources.files("service.web").joinpath(VENDOR, SCRIPT).read_bytes())


def routes(description: dict[str, Any]) -> list[web.RouteDef]:
    """Return routes for the document, the page and its script. `description` is the OpenAPI document."""
    document = PackedFile(pack(json.dumps(description).encode()), "application/json", "no-cache")
    script = PackedFile(_script(), "text/javascript", f"public, max-age={SCRIPT_MAX_AGE}")
    pages = {slash: PAGE.format(script=SCRIPT, root="../" if slash else "") for slash in (False, True)}

    async def get_page(request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=pages[request.path.endswith("/")], content_type="text/html", headers=headers)

    return [
        web.get("/openapi.json", document.serve),
        web.get("/openapi.json/", document.serve),
        web.get("/docs", get_page),
        web.get("/docs/", get_page),
        web.get(f"/docs/{SCRIPT}", script.serve),
    ]
