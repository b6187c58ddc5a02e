"""Controls of the fake, `/__admin/…`: encoders, time, faults and switches. Not part of Cloudflare; keep it on loopback."""

from __future__ import annotations

from typing import Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from providers.cloudflare.fake import broadcast, notify, shapes
from providers.cloudflare.fake.config import Switches
from providers.cloudflare.fake.faults import Fault
from providers.cloudflare.fake.server_state import WORLD, World
from providers.cloudflare.fake.state import Input

Model = TypeVar("Model", bound=BaseModel)


class Connect(BaseModel):
    stream_key: str = Field(repr=False)
    protocol: Literal["rtmp", "srt"] = "rtmp"


class Drop(BaseModel):
    reason: str = "client_disconnect"


class Trouble(BaseModel):
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
    world, live, body = request.app[WORLD], _live(request), await _read(request, Connect)
    try:
        world.outbox += broadcast.connect(live, body.stream_key, world.clock.now(), body.protocol)
    except broadcast.Refused as refused:
        return web.json_response({"detail": str(refused)}, status=403)
    return web.json_response({"connected": True})


async def drop(request: web.Request) -> web.Response:
    """Disconnect the encoder; the reconnect window begins."""
    world, body = request.app[WORLD], await _read(request, Drop)
    world.outbox += broadcast.drop(_live(request), world.clock.now(), body.reason)
    return web.json_response({})


async def end(request: web.Request) -> web.Response:
    """Disconnect the encoder and end the broadcast at once."""
    world = request.app[WORLD]
    world.outbox += broadcast.end(world.state, _live(request), world.clock.now(), world.switches)
    return web.json_response({})


async def error(request: web.Request) -> web.Response:
    """Report an error in the encoder's GOP or codec."""
    world, live, body = request.app[WORLD], _live(request), await _read(request, Trouble)
    world.outbox += broadcast.errored(live, world.clock.now(), body.code, body.message)
    return web.json_response({})


async def viewers(request: web.Request) -> web.Response:
    live, body = _live(request), await _read(request, Viewers)
    live.viewers = body.value
    return web.json_response({})


async def video_error(request: web.Request) -> web.Response:
    """Fail the processing of a recording; the video webhook is sent for that, too."""
    world = request.app[WORLD]
    video = world.state.videos.get(request.match_info["uid"])
    if video is None:
        raise web.HTTPNotFound
    video.state = "error"
    world.outbox.append(broadcast.Notice("video", video.uid, world.clock.now()))
    return web.json_response({})


async def advance(request: web.Request) -> web.Response:
    world, body = request.app[WORLD], await _read(request, Advance)
    world.clock.advance(body.seconds)
    return web.json_response({"now": shapes.timestamp(world.clock.now())})


async def add_fault(request: web.Request) -> web.Response:
    request.app[WORLD].faults.add(await _read(request, Fault))
    return web.json_response({}, status=201)


async def clear_faults(request: web.Request) -> web.Response:
    request.app[WORLD].faults.clear()
    return web.json_response({})


async def switch(request: web.Request) -> web.Response:
    """Change the switches that are sent; return all."""
    world, change = request.app[WORLD], await _read(request, Switches)
    world.switches = world.switches.model_copy(update=change.model_dump(exclude_unset=True))
    return web.json_response(world.switches.model_dump())


async def set_destination(request: web.Request) -> web.Response:
    """Save where live events go, send the test POST and return the receiver's status."""
    world, body = request.app[WORLD], await _read(request, Destination)
    world.live_webhook = (body.url, body.secret)
    return web.json_response({"status": await notify.send_test(world)})


async def requests(request: web.Request) -> web.Response:
    """List the request lines received, oldest first."""
    return web.json_response(list(request.app[WORLD].requests))


def _live(request: web.Request) -> Input:
    world: World = request.app[WORLD]
    live = world.state.inputs.get(request.match_info["uid"])
    if live is None:
        raise web.HTTPNotFound
    return live


async def _read(request: web.Request, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as failure:
        raise web.HTTPBadRequest(text=str([(each["loc"], each["msg"]) for each in failure.errors()])) from None
