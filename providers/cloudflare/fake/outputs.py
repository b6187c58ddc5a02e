"""The API's simulcast outputs of a live input (Cloudflare's API: outputs)."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from providers.cloudflare.fake import shapes
from providers.cloudflare.fake.envelope import answer, read
from providers.cloudflare.fake.server_state import NOT_FOUND, SERVER, ApiError
from providers.cloudflare.fake.state import Input, Output

MAX_OUTPUTS = 50
"""Per live input."""


class NewOutput(BaseModel):
    url: str = Field(min_length=1)
    streamKey: str = Field(min_length=1)
    enabled: bool = True


class OutputChange(BaseModel):
    enabled: bool


def routes() -> list[web.RouteDef]:
    outputs = "/stream/live_inputs/{uid}/outputs"
    return [
        web.get(outputs, list_all),
        web.post(outputs, create),
        web.put(f"{outputs}/{{output}}", update),
        web.delete(f"{outputs}/{{output}}", delete),
    ]


async def list_all(request: web.Request) -> web.Response:
    return answer([shapes.output(each) for each in _live(request).outputs])


async def create(request: web.Request) -> web.Response:
    live, body = _live(request), await read(request, NewOutput)
    if len(live.outputs) >= MAX_OUTPUTS:
        raise ApiError(400, 10005, f"A live input has at most {MAX_OUTPUTS} outputs")
    new = Output(url=body.url, stream_key=body.streamKey, enabled=body.enabled)
    live.outputs.append(new)
    return answer(shapes.output(new))


async def update(request: web.Request) -> web.Response:
    output = _output(request)
    output.enabled = (await read(request, OutputChange)).enabled
    return answer(shapes.output(output))


async def delete(request: web.Request) -> web.Response:
    _live(request).outputs.remove(_output(request))
    return web.json_response({})


def _live(request: web.Request) -> Input:
    return request.app[SERVER].input(request.match_info["uid"])


def _output(request: web.Request) -> Output:
    wanted = request.match_info["output"]
    for output in _live(request).outputs:
        if output.uid == wanted:
            return output
    raise ApiError(404, 10003, NOT_FOUND)
