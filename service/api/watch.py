"""/watch/<organization>/<channel>: a page with the stream, its title and its viewer count, to be shared as a link.

Like the stream's status, it is public for everyone who has the link, which contains two random ids. Private channels and channels
without a live input have no page (`domain/streams/public_info.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

from aiohttp import web

from service.domain.errors import NotFound
from service.domain.identifiers import read_uuid
from service.domain.streams.public_info import PublicInfo, PublicStreamInfo
from service.http.origin import Origin

PATH = "/watch/{organization_id}/{channel_id}"
MAX_DESCRIPTION = 300
"""Maximum length of the description in link previews, in characters."""

PAGE = """<!doctype html>
<html lang="en" prefix="og: https://ogp.me/ns#">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{title}</title>
{meta}
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/tokens.css">
<link rel="stylesheet" href="/watch.css">
<script type="module" src="/player.js"></script>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
WATCHING = """<live-stream org="{organization}" channel="{channel}" viewers></live-stream>
<noscript><p class="text">This page needs JavaScript to play the stream.</p></noscript>
<div class="text"><h1 dir="auto">{title}</h1>{about}</div>"""
NOTHING = '<div class="nothing"><h1>There is no stream here.</h1><p class="about">Check the link.</p></div>'

CLOUDFLARE = "cloudflarestream.com"
"""Domain of Cloudflare's media hosts. A playlist on one host may refer to another."""


def routes(public_info: PublicStreamInfo, origin: Origin) -> list[web.RouteDef]:
    """Return the page's routes, with and without a trailing slash."""

    async def watch(request: web.Request) -> web.Response:
        try:
            organization, channel = (read_uuid(request.match_info[name]) for name in ("organization_id", "channel_id"))
            showing = await public_info.of(organization, channel)
        except NotFound:
            return page(404, "No stream", "", NOTHING, policy())
        url = f"{origin.of(request)}/watch/{organization}/{channel}"
        title = escape(showing.name)
        about = f'<p class="about" dir="auto">{escape(showing.description)}</p>' if showing.description else ""
        body = WATCHING.format(organization=organization, channel=channel, title=title, about=about)
        return page(200, title, preview(showing, url), body, policy(showing.playback.hls))

    return [web.get(PATH + slash, watch) for slash in ("", "/")]


def page(status: int, title: str, meta: str, body: str, csp: str) -> web.Response:
    """Return a page of visitors. `meta`: more elements of its head. Texts are escaped."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": csp, "X-Content-Type-Options": "nosniff"}
    text = PAGE.format(title=title, meta=meta, body=body)
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def preview(showing: PublicInfo, url: str) -> str:
    """Return Open Graph (https://ogp.me) and Twitter card tags, from which chats and feeds build link previews.

    The first image is the live thumbnail. It returns 404 while nothing is live; previews then use the recording's or none.
    """
    pictures = [showing.playback.thumbnail, *([showing.recording.playback.thumbnail] if showing.recording else [])]
    return link_preview(showing.name, showing.description, pictures, url)


def link_preview(name: str, description: str, pictures: Sequence[str], url: str) -> str:
    """Return the tags of a video with this name, description and these pictures."""
    properties = [("og:type", "video.other"), ("og:title", name), ("og:url", url)]
    if description:
        properties.append(("og:description", description[:MAX_DESCRIPTION]))
    for picture in pictures:
        properties += [
            ("og:image", picture),
            ("og:image:type", "image/jpeg"),
            ("og:image:alt", f"A picture of {name}"),
        ]
    lines = [f'<meta property="{name}" content="{escape(value)}">' for name, value in properties]
    return "\n".join([*lines, '<meta name="twitter:card" content="summary_large_image">'])


def policy(media_url: str | None = None, *, framed_by: str = "*") -> str:
    """Return a page's Content-Security-Policy: scripts and styles of this origin, nothing inline, media from the playback host."""
    media = ""
    if media_url is not None:
        parts = urlsplit(media_url)
        media = f" {parts.scheme}://{parts.netloc}"
        if (parts.hostname or "").endswith(CLOUDFLARE):
            media += f" https://*.{CLOUDFLARE}"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{media}; media-src 'self' blob:{media}; "
        f"img-src 'self' https: http:; base-uri 'none'; form-action 'none'; frame-ancestors {framed_by}"
    )
