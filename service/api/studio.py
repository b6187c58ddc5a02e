"""/studio: the page where streamers and builders manage their organization's streams.

The page is a client of the Pub API. It contains no data: the user signs in with an API token, which the page's scripts keep.
"""

from __future__ import annotations

from aiohttp import web

from service.api.watch import CLOUDFLARE, policy
from service.domain.streams.public_info import PublicStreamInfo
from service.http.web_files import PICTURE, STUDIO

PATH = "/studio"

HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Studio</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/tokens.css">
<link rel="stylesheet" href="/studio.css">
{preloads}
<script type="module" src="/player.js"></script>
<script type="module" src="/studio/main.js"></script>
</head>
<body>
<a class="skip" id="skip" href="#main">Skip to the content</a>
<header id="bar" hidden>
<a class="brand" href="#/">Studio</a>
<nav aria-label="Studio"><a href="#/">Streams</a> <a href="#/channels">All channels</a> <a href="#/webhooks">Webhooks</a> \
<a href="#/inboxes">Inboxes</a></nav>
<span id="who" class="soft"></span>
<button id="sign-out" type="button">Sign out</button>
</header>
<p id="unavailable" class="notice warning" hidden>The service cannot be reached. This page may be out of date.</p>
<main id="main" tabindex="-1"><noscript><p>The studio needs JavaScript.</p></noscript></main>
<p id="said" class="unseen" role="status"></p>
</body>
</html>
"""


def routes(public_info: PublicStreamInfo) -> list[web.RouteDef]:
    """Return the page's routes, with and without a trailing slash."""
    # Without preloads the browser discovers each module only in its importer, which costs one round trip per level.
    preloads = "\n".join(f'<link rel="modulepreload" href="/{name}">' for name in (*STUDIO, PICTURE))
    text = PAGE.format(preloads=preloads)

    async def studio(_: web.Request) -> web.Response:
        headers = {**HEADERS, "Content-Security-Policy": page_policy(public_info.media_example())}
        return web.Response(text=text, content_type="text/html", headers=headers)

    return [web.get(PATH + slash, studio) for slash in ("", "/")]


def page_policy(media_url: str | None) -> str:
    """Return the watch page's policy, but without framing. The media host is unknown until Cloudflare's first response."""
    return policy(media_url or f"https://{CLOUDFLARE}", framed_by="'none'")
