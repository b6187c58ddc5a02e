"""The delivery host: manifests, lifecycle, views, thumbnails; no envelope, no bearer.

Served below `/customer-<CODE>/` of the fake's own address, where the real one is a host name.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from providers.cloudflare.fake import broadcast, signing
from providers.cloudflare.fake.server_state import SERVER, ServerState
from providers.cloudflare.fake.state import Input, Video
from providers.cloudflare.fake.thumbnails import jpeg

HLS_TYPE = "application/vnd.apple.mpegurl"
DASH_TYPE = "application/dash+xml"
THUMBNAIL_WIDTH = 640
"""Default size in pixels."""

HLS = """#EXTM3U
#EXT-X-VERSION:{version}
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:1
#EXTINF:4.0,
seg_1.ts
"""
DASH = """<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT4S" type="{kind}">
<Period id="0" start="PT0S"/>
</MPD>
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What an `<ID>` in a path stands for; exactly one of the two is set. `signed`: it came as a token."""

    live: Input | None
    video: Video | None
    signed: bool


def routes() -> list[web.RouteDef]:
    one = "/{id}"
    return [
        web.get(f"{one}/lifecycle", lifecycle),
        web.get(f"{one}/views", views),
        web.get(f"{one}/manifest/video.m3u8", manifest),
        web.get(f"{one}/manifest/video.mpd", manifest),
        web.get(f"{one}/thumbnails/thumbnail.jpg", thumbnail),
        web.get(f"{one}/iframe", player),
        web.get(f"{one}/watch", player),
    ]


async def lifecycle(request: web.Request) -> web.Response:
    server, target = request.app[SERVER], _target(request)
    if target.live is None:
        live = target.video is not None and target.video.state == "live-inprogress"
        return _json({"isInput": False, "videoUID": target.video and target.video.uid, "live": live})
    video_uid, live = target.live.video_uid, broadcast.is_live(target.live)
    status = target.live.statuses[0].state if target.live.statuses else "disconnected"
    if not live and server.switches.idle_lifecycle == "unknown":
        video_uid, live, status = "unknown", True, "ready"
    return _json({"isInput": True, "videoUID": video_uid, "live": live, "status": status, "chunked": False})


async def views(request: web.Request) -> web.Response:
    live = _target(request).live
    if live is None:
        raise web.HTTPNotFound
    return _json({} if live.recording.hide_viewers else {"liveViewers": live.viewers})


async def manifest(request: web.Request) -> web.Response:
    server, target = request.app[SERVER], _target(request)
    _allow(target)
    video = _playing(server, target)
    if video is None:
        return web.Response(status=204, headers=_CORS)
    headers = dict(_CORS)
    if "duration" in request.query:
        headers |= {"preview-start-seconds": "0", "stream-media-id": video.uid}
    if request.path.endswith(".mpd"):
        kind = "dynamic" if video.state == "live-inprogress" else "static"
        return web.Response(body=DASH.format(kind=kind).encode(), content_type=DASH_TYPE, headers=headers)
    text = HLS.format(version=8 if request.query.get("dvrEnabled") == "true" else 6)
    ending = "" if video.state == "live-inprogress" else "#EXT-X-ENDLIST\n"
    return web.Response(body=(text + ending).encode(), content_type=HLS_TYPE, headers=headers)


async def thumbnail(request: web.Request) -> web.Response:
    server, target = request.app[SERVER], _target(request)
    _allow(target)
    if _playing(server, target) is None:
        raise web.HTTPNotFound
    width = _pixels(request, "width", THUMBNAIL_WIDTH)
    height = _pixels(request, "height", width * 9 // 16)
    return web.Response(body=jpeg(width, height), content_type="image/jpeg", headers=_CORS)


async def player(request: web.Request) -> web.Response:
    _allow(_target(request))
    return web.Response(text="<!doctype html><title>player</title>", content_type="text/html")


_CORS = {"Access-Control-Allow-Origin": "*"}


def _json(body: dict[str, object]) -> web.Response:
    return web.json_response(body, headers=_CORS)


def _target(request: web.Request) -> Target:
    server, uid = request.app[SERVER], request.match_info["id"]
    signed = "." in uid
    if signed:
        try:
            uid = signing.verify(server, uid, server.clock.now())
        except PermissionError as refused:
            raise web.HTTPUnauthorized(text=str(refused)) from None
    live, video = server.state.inputs.get(uid), server.state.videos.get(uid)
    if live is None and video is None:
        raise web.HTTPNotFound
    return Target(live, video, signed)


def _allow(target: Target) -> None:
    private = target.live.recording.require_signed if target.live else target.video and target.video.require_signed
    if private and not target.signed:
        raise web.HTTPUnauthorized(text="a signed token is required")


def _playing(server: ServerState, target: Target) -> Video | None:
    """Return the video of a target, None for an input that is not live."""
    video = target.video
    if target.live is not None:
        video = server.state.videos[target.live.video_uid] if target.live.video_uid else None
    if video is not None and video.state == "error":
        raise web.HTTPFailedDependency
    return video


def _pixels(request: web.Request, name: str, otherwise: int) -> int:
    raw = request.query.get(name, "")
    return int(raw) if raw.isdecimal() else otherwise
