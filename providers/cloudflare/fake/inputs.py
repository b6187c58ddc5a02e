"""The API's live inputs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from providers.cloudflare.fake import broadcast, shapes
from providers.cloudflare.fake.envelope import answer, read
from providers.cloudflare.fake.server_state import SERVER, ApiError, ServerState
from providers.cloudflare.fake.state import Input, Request, Secrets

MAX_IDEMPOTENCY_KEY = 255
"""Bytes."""

IDEMPOTENCY_LIFE = timedelta(hours=6)
RETENTION_DAYS = range(30, 1097)
LIST_RANGE = 1000


class RecordingBody(BaseModel):
    """Unknown members are silently ignored, as Cloudflare ignores a nested deleteRecordingAfterDays."""

    mode: Literal["off", "automatic"] = "off"
    requireSignedURLs: bool = False
    allowedOrigins: list[str] | None = None
    timeoutSeconds: int | None = Field(default=None, ge=0)
    hideLiveViewerCount: bool = False


class InputBody(BaseModel):
    """Body of create and update; only members that were sent are applied."""

    meta: dict[str, Any] = Field(default_factory=dict)
    defaultCreator: str | None = None
    enabled: bool = True
    preferLowLatency: bool = False
    deleteRecordingAfterDays: int | None = None
    recording: RecordingBody = Field(default_factory=RecordingBody)


def routes() -> list[web.RouteDef]:
    inputs, one = "/stream/live_inputs", "/stream/live_inputs/{uid}"
    return [
        web.post(inputs, create),
        web.get(inputs, list_all),
        web.get(one, get),
        web.put(one, update),
        web.delete(one, delete),
        web.post(f"{one}/enable", enable),
        web.post(f"{one}/disable", disable),
        web.post(f"{one}/rotate_keys", rotate_keys),
        web.get(f"{one}/videos", videos),
    ]


async def create(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    body = await read(request, InputBody)
    key = request.headers.get("Idempotency-Key")
    if key is not None and (known := _made_before(server, key)) is not None:
        return _result(server, known)
    now = server.clock.now()
    live = Input(created=now, modified=now)
    _apply(server, live, body)
    server.state.inputs[live.uid] = live
    if key is not None:
        server.state.requests[key] = Request(uid=live.uid, made=now)
    return _result(server, live)


async def list_all(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    newest_first = sorted(server.state.inputs.values(), key=lambda each: each.created, reverse=True)
    listed = [shapes.listed_input(each) for each in newest_first[:LIST_RANGE]]
    if server.switches.list_shape == "array" and request.query.get("include_counts") != "true":
        return answer(listed)
    return answer({"liveInputs": listed, "range": len(listed), "total": len(newest_first)})


async def get(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    return _result(server, server.input(request.match_info["uid"]))


async def update(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    live = server.input(request.match_info["uid"])
    _apply(server, live, await read(request, InputBody))
    return _changed(server, live)


async def delete(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    live = server.input(request.match_info["uid"])
    server.outbox += broadcast.end(server.state, live, server.clock.now(), server.switches)
    del server.state.inputs[live.uid]
    return web.Response()


async def enable(request: web.Request) -> web.Response:
    return _switch(request, True)


async def disable(request: web.Request) -> web.Response:
    return _switch(request, False)


async def rotate_keys(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    live = server.input(request.match_info["uid"])
    live.secrets, live.keys_rotated = Secrets(), server.clock.now()
    server.outbox += broadcast.drop(live, server.clock.now())
    return _changed(server, live)


async def videos(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    live = server.input(request.match_info["uid"])
    theirs = [each for each in server.state.videos.values() if each.input_uid == live.uid]
    theirs.sort(key=lambda each: (each.state == "live-inprogress", each.created), reverse=True)
    return answer([shapes.video(each, server.base) for each in theirs])


def _switch(request: web.Request, on: bool) -> web.Response:
    server = request.app[SERVER]
    if not server.switches.enable_routes:
        raise web.HTTPNotFound
    live = server.input(request.match_info["uid"])
    _set_enabled(server, live, on)
    return _changed(server, live)


def _made_before(server: ServerState, key: str) -> Input | None:
    if not key or len(key.encode()) > MAX_IDEMPOTENCY_KEY:
        raise ApiError(400, 10005, f"Idempotency-Key: 1 to {MAX_IDEMPOTENCY_KEY} bytes")
    known = server.state.requests.get(key)
    if known is None or server.clock.now() >= known.made + IDEMPOTENCY_LIFE:
        return None
    if known.uid not in server.state.inputs:
        raise ApiError(409, 10409, "Conflict: the live input made with this Idempotency-Key was deleted")
    return server.state.inputs[known.uid]


def _apply(server: ServerState, live: Input, body: InputBody) -> None:
    sent = body.model_fields_set
    days = body.deleteRecordingAfterDays
    if days is not None and days not in RETENTION_DAYS:
        raise ApiError(400, 10060, "deleteRecordingAfterDays must be between 30 and 1096")
    declined = _declines(server, body.recording.timeoutSeconds)
    if declined and server.switches.declined_timeout == "error":
        raise ApiError(400, 10005, "recording.timeoutSeconds is not a value this account accepts")
    if "meta" in sent:
        live.meta = body.meta
    if "defaultCreator" in sent:
        live.creator = body.defaultCreator
    if "preferLowLatency" in sent:
        live.low_latency = body.preferLowLatency
    if "deleteRecordingAfterDays" in sent:
        live.delete_after_days = days
    if "recording" in sent:
        # Replaced as a whole: the harder of the two readings, so a client that sends parts is found out.
        live.recording = live.recording.model_validate(
            {
                "mode": body.recording.mode,
                "require_signed": body.recording.requireSignedURLs,
                "allowed_origins": body.recording.allowedOrigins,
                "timeout_seconds": None if declined else body.recording.timeoutSeconds,
                "timeout_declined": declined,
                "hide_viewers": body.recording.hideLiveViewerCount,
            }
        )
    if "enabled" in sent:
        _set_enabled(server, live, body.enabled)


def _declines(server: ServerState, seconds: int | None) -> bool:
    accepted = server.switches.accepted_timeouts
    return bool(seconds) and accepted is not None and seconds not in accepted


def _set_enabled(server: ServerState, live: Input, on: bool) -> None:
    live.enabled = on
    if not on:
        server.outbox += broadcast.end(server.state, live, server.clock.now(), server.switches)


def _changed(server: ServerState, live: Input) -> web.Response:
    live.modified = server.clock.now()
    return _result(server, live)


def _result(server: ServerState, live: Input) -> web.Response:
    return answer(shapes.live_input(live, server.base, server.switches))
