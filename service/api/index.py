"""/: the start page, with links to the studio and the API reference."""

from __future__ import annotations

from aiohttp import web

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Live-stream conference service</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/tokens.css">
<link rel="stylesheet" href="/index.css">
</head>
<body>
<main>
<h1>Live-stream conference service</h1>
<p>Channels of an organization stream live from OBS or any other RTMP encoder. Visitors watch, and recordings stay available.</p>
<ul>
<li><a href="/studio">Studio</a>
<span>For streamers: create channels, go live, check the incoming stream. Sign in with an API token.</span></li>
<li><a href="/docs">API reference</a>
<span>For developers. The OpenAPI document is at <a href="/openapi.json">/openapi.json</a>.</span></li>
</ul>
<p class="hint">To watch a stream, open the link that you were sent. It starts with /watch/.</p>
</main>
</body>
</html>
"""

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


def routes() -> list[web.RouteDef]:
    """Return the page's route."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html", headers=HEADERS)

    return [web.get("/", index)]
