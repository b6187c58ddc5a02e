"""/openapi.json and /docs: the API for machines and for people. Everything the page needs is served from here."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib import resources
from typing import Any

from aiohttp import web

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
def _script() -> tuple[bytes, bytes]:
    """The vendored script as it is, and packed. Packing takes long: once is enough for every application of a process."""
    script = resources.files("service.web").joinpath(VENDOR, SCRIPT).read_bytes()
    return script, gzip.compress(script, mtime=0)


def routes(description: dict[str, Any]) -> list[web.RouteDef]:
    """Routes for the document, the page and its script. `description` is the OpenAPI document."""
    document = json.dumps(description).encode()
    pages = {slash: PAGE.format(script=SCRIPT, root="../" if slash else "") for slash in (False, True)}
    script, packed = _script()

    async def get_document(_request: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json", headers={"Cache-Control": "no-cache"})

    async def get_page(request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=pages[request.path.endswith("/")], content_type="text/html", headers=headers)

    async def get_script(request: web.Request) -> web.Response:
        headers = {"Cache-Control": f"public, max-age={SCRIPT_MAX_AGE}", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return web.Response(body=packed, content_type="text/javascript", headers=headers)
        return web.Response(body=script, content_type="text/javascript", headers=headers)

    return [
        web.get("/openapi.json", get_document),
        web.get("/openapi.json/", get_document),
        web.get("/docs", get_page),
        web.get("/docs/", get_page),
        web.get(f"/docs/{SCRIPT}", get_script),
    ]
