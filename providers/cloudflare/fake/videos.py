"""The API's videos: broadcasts and recordings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel

from providers.cloudflare.fake import shapes
from providers.cloudflare.fake.envelope import answer, read
from providers.cloudflare.fake.server_state import SERVER, ApiError, ServerState
from providers.cloudflare.fake.state import Video

MAX_LIMIT = 1000


class VideoChange(BaseModel):
    """What may be edited; only members that were sent are applied."""

    allowedOrigins: list[str] | None = None
    creator: str | None = None
    meta: dict[str, Any] | None = None
    publicDetails: dict[str, Any] | None = None
    requireSignedURLs: bool | None = None
    scheduledDeletion: str | None = None
    thumbnailTimestampPct: float | None = None


def routes() -> list[web.RouteDef]:
    return [
        web.get("/stream", list_all),
        web.get("/stream/storage-usage", storage_usage),
        web.get("/stream/{video}", get),
        web.post("/stream/{video}", edit),
        web.delete("/stream/{video}", delete),
        web.get("/stream/{video}/embed", embed),
    ]


async def list_all(request: web.Request) -> web.Response:
    server, query = request.app[SERVER], request.query
    matching = [each for each in server.state.videos.values() if _matches(each, server, query)]
    matching.sort(key=lambda each: (each.created, each.uid), reverse=query.get("asc") != "true")
    listed = [shapes.video(each, server.base) for each in matching[: _limit(query)]]
    if query.get("include_counts") == "true":
        # Strings beside `result`, as the documentation's sample prints them.
        return answer(listed, total=str(len(matching)), range=str(len(listed)))
    return answer(listed)


async def get(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    return answer(shapes.video(server.video(request.match_info["video"]), server.base))


async def edit(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    video, change = server.video(request.match_info["video"]), await read(request, VideoChange)
    names = {
        "allowedOrigins": "allowed_origins",
        "creator": "creator",
        "meta": "meta",
        "publicDetails": "public_details",
        "requireSignedURLs": "require_signed",
        "scheduledDeletion": "scheduled_deletion",
        "thumbnailTimestampPct": "thumbnail_pct",
    }
    for sent in change.model_fields_set:
        setattr(video, names[sent], getattr(change, sent))
    video.name = str(video.meta.get("name", video.name))
    video.modified = server.clock.now()
    return answer(shapes.video(video, server.base))


async def delete(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    video = server.video(request.match_info["video"])
    if video.state == "live-inprogress":
        raise ApiError(409, 10046, "The video is still recording")
    del server.state.videos[video.uid]
    return web.Response()


async def embed(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    video = server.video(request.match_info["video"])
    return web.Response(text=f'<stream src="{video.uid}" controls></stream>', content_type="text/html")


async def storage_usage(request: web.Request) -> web.Response:
    videos = request.app[SERVER].state.videos.values()
    minutes = sum(max(0.0, each.duration) for each in videos) / 60
    return answer({"totalStorageMinutes": minutes, "totalStorageMinutesLimit": 1000, "videoCount": len(videos)})


def _limit(query: MultiMapping[str]) -> int:
    raw = query.get("limit", str(MAX_LIMIT))
    if not raw.isdecimal():
        raise ApiError(400, 10005, "limit: a number")
    return min(int(raw), MAX_LIMIT)


def _matches(video: Video, server: ServerState, query: MultiMapping[str]) -> bool:
    """Return whether a video passes every filter that was sent; unknown parameters are ignored."""
    tests: dict[str, Callable[[str], bool]] = {
        "id": lambda ids: video.uid in ids.split(","),
        "live_input_id": lambda uid: video.input_uid == uid,
        "status": lambda state: video.state == state,
        "creator": lambda creator: video.creator == creator,
        "search": lambda words: words.lower() in video.name.lower(),
        "name": lambda name: video.name == name,
        "video_name": lambda name: video.name == name,
        "type": lambda kind: (video.state == "live-inprogress") == (kind == "live"),
    }
    for name in ("before", "end"):
        tests[name] = lambda at: _is_before(video, _moment(at), server.switches.before_inclusive)
    for name in ("after", "start"):
        tests[name] = lambda at: video.created > _moment(at)
    return all(test(query[name]) for name, test in tests.items() if name in query)


def _is_before(video: Video, at: datetime, inclusive: bool) -> bool:
    return video.created < at or (inclusive and video.created == at)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, 10005, "a time: RFC 3339") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
