"""/watch/<organization>/recordings/<uid>: a page with a recording, to be shared as a link.

It is public for everyone who has the link, which contains two random ids. Recordings of private and of deleted channels have none.
"""

from __future__ import annotations

import re
from datetime import UTC
from html import escape

from aiohttp import web

from service.api.watch import link_preview, page, policy
from service.domain.errors import NotFound
from service.domain.identifiers import read_uuid
from service.domain.streams.public_recordings import PublicRecording, PublicRecordings
from service.http.fields import show_time
from service.http.origin import Origin

PATH = "/watch/{organization_id}/recordings/{recording_uid}"

UID = re.compile("[0-9a-f]{32}")

SCRIPT = '<script type="module" src="/recording.js"></script>'

SHOWING = """<video id="recording" class="recording" controls playsinline preload="metadata" poster="{poster}" data-hls="{hls}"
 aria-label="{name}"></video>
<noscript><p class="text">This page needs JavaScript to play the recording.</p></noscript>
<div class="text"><h1 dir="auto">{name}</h1>
<p class="facts soft"><time datetime="{iso}">{date}</time><span id="duration" data-seconds="{seconds}"></span>
<a href="/watch/{organization}/{channel}" dir="auto">{channel_name}</a></p>{about}
<div class="buttons" id="share"></div></div>
<p id="said" class="unseen" role="status"></p>"""

NOTHING = '<div class="nothing"><h1>There is no recording here.</h1><p class="about">Check the link.</p></div>'


def routes(recordings: PublicRecordings, origin: Origin) -> list[web.RouteDef]:
    """Return the page's routes, with and without a trailing slash."""

    async def watch(request: web.Request) -> web.Response:
        try:
            organization, uid = read_uuid(request.match_info["organization_id"]), request.match_info["recording_uid"]
            if not UID.fullmatch(uid):
                raise NotFound
            found = await recordings.of(organization, uid)
        except NotFound:
            return page(404, "No recording", "", NOTHING, policy())
        recording, url = found.recording, f"{origin.of(request)}/watch/{organization}/recordings/{uid}"
        meta = link_preview(recording.name, recording.description, [recording.playback.thumbnail], url)
        title = escape(recording.name)
        return page(200, title, f"{meta}\n{SCRIPT}", _body(found), policy(recording.playback.hls))

    return [web.get(PATH + slash, watch) for slash in ("", "/")]


def _body(found: PublicRecording) -> str:
    recording, channel = found.recording, found.channel
    at = recording.created.astimezone(UTC)
    return SHOWING.format(
        poster=escape(recording.playback.thumbnail),
        hls=escape(recording.playback.hls),
        name=escape(recording.name),
        iso=show_time(recording.created),
        date=f"{at:%Y-%m-%d %H:%M} UTC",
        seconds="" if recording.duration is None else recording.duration,
        organization=channel.organization_id,
        channel=channel.id,
        channel_name=escape(channel.name),
        about=f'<p class="about" dir="auto">{escape(recording.description)}</p>' if recording.description else "",
    )
