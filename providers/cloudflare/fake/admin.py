"""Controls of the fake, `/__admin/…`: encoders, time, faults and switches. Not part of Cloudflare; keep it on loopback."""

from __future__ import annotations

from typing import Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from providers.cloudflare.fake import broadcast, notify, shapes
from providers.cloudflare.fake.config import Switches
from providers.cloudflare.fake.faults import Fault
from providers.cloudflare.fake.server_state import SERVER, ServerState
from providers.cloudflare.fake.state import Input

Model = TypeVar("Model", bound=BaseModel)


class Connect(BaseModel):
    stream_key: str = Field(repr=False)
    protocol: Literal["rtmp", "srt"] = "rtmp"


class Drop(BaseModel):
    reason: str = "client_disconnect"


class EncoderError(BaseModel):
    code: str = "ERR_GOP_OUT_OF_RANGE"
    message: str = "The GOP is out of range"


class Viewers(BaseModel):
    value: int = Field(ge=0)


class Advance(BaseModel):
    seconds: float = Field(ge=0)


class Destination(BaseModel):
    url: str
    secret: str = Field(repr=False)


def routes() -> list[web.RouteDef]:
    one = "/inputs/{uid}"
    return [
        web.post(f"{one}/connect", connect),
        web.post(f"{one}/drop", drop),
        web.post(f"{one}/end", end),
        web.post(f"{one}/error", error),
        web.post(f"{one}/viewers", viewers),
        web.post("/videos/{uid}/error", video_error),
        web.post("/advance", advance),
        web.post("/faults", add_fault),
        web.delete("/faults", clear_faults),
        web.post("/switches", switch),
        web.post("/destination", set_destination),
        web.get("/requests", requests),
    ]


async def connect(request: web.Request) -> web.Response:
    """Connect an encoder with a key; 403 with the reason when it is refused."""
    server, live, body = request.app[SERVER], _live(request), await _read(request, Connect)
    try:
        server.outbox += broadcast.connect(live, body.stream_key, server.clock.now(), body.protocol)
    except broadcast.PublishRefused as refused:
        return web.json_response({"detail": str(refused)}, status=403)
    return web.json_response({"connected": True})


async def drop(request: web.Request) -> web.Response:
    """Disconnect the encoder; the reconnect window begins."""
    server, body = request.app[SERVER], await _read(request, Drop)
    server.outbox += broadcast.drop(_live(request), server.clock.now(), body.reason)
    return web.json_response({})


async def end(request: web.Request) -> web.Response:
    """Disconnect the encoder and end the broadcast at once."""
    server = request.app[SERVER]
    server.outbox += broadcast.end(server.state, _live(request), server.clock.now(), server.switches)
    return web.json_response({})


async def error(request: web.Request) -> web.Response:
    """Report an error in the encoder's GOP or codec."""
    server, live, body = request.app[SERVER], _live(request), await _read(request, EncoderError)
    server.outbox += broadcast.errored(live, server.clock.now(), body.code, body.message)
    return web.json_response({})


async def viewers(request: web.Request) -> web.Response:
    live, body = _live(request), await _read(request, Viewers)
    live.viewers = body.value
    return web.json_response({})


async def video_error(request: web.Request) -> web.Response:
    """Fail the processing of a recording; the video webhook is sent for that, too."""
    server = request.app[SERVER]
    video = server.state.videos.get(request.match_info["uid"])
    if video is None:
        raise web.HTTPNotFound
    video.state = "error"
    server.outbox.append(broadcast.Notice("video", video.uid, server.clock.now()))
    return web.json_response({})


async def advance(request: web.Request) -> web.Response:
    server, body = request.app[SERVER], await _read(request, Advance)
    server.clock.advance(body.seconds)
    return web.json_response({"now": shapes.timestamp(server.clock.now())})


async def add_fault(request: web.Request) -> web.Response:
    request.app[SERVER].faults.add(await _read(request, Fault))
    return web.json_response({}, status=201)


async def clear_faults(request: web.Request) -> web.Response:
    request.app[SERVER].faults.clear()
    return web.json_response({})


async def switch(request: web.Request) -> web.Response:
    """Change the switches that are sent; return all."""
    server, change = request.app[SERVER], await _read(request, Switches)
    server.switches = server.switches.model_copy(update=change.model_dump(exclude_unset=True))
    return web.json_response(server.switches.model_dump())


async def set_destination(request: web.Request) -> web.Response:
    """Save where live events go, send the test POST and return the receiver's status."""
    server, body = request.app[SERVER], await _read(request, Destination)
    server.live_webhook = (body.url, body.secret)
    return web.json_response({"status": await notify.send_test(server)})


async def requests(request: web.Request) -> web.Response:
    """List the request lines received, oldest first."""
    return web.json_response(list(request.app[SERVER].requests))


def _live(request: web.Request) -> Input:
    server: ServerState = request.app[SERVER]
    live = server.state.inputs.get(request.match_info["uid"])
    if live is None:
        raise web.HTTPNotFound
    return live


async def _read(request: web.Request, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as failure:
        raise web.HTTPBadRequest(text=str([(each["loc"], each["msg"]) for each in failure.errors()])) from None
