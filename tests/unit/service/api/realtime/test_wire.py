"""Frames that are written without aiohttp: a client of another maker must read them."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from service.api.realtime.wire import Action, Form, frame, parse
from service.domain.errors import DomainError

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]


async def test_a_frame_of_any_size_is_read_as_one_text() -> None:
    texts = ["ü" * (size // 2) + "x" * (size % 2) for size in SIZES]

    async def write(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        assert request.transport is not None
        request.transport.write(b"".join(map(frame, texts)))
        await websocket.close()
        return websocket

    app = web.Application()
    app.router.add_get("/", write)
    async with TestClient(TestServer(app)) as client, client.ws_connect("/") as websocket:
        assert [await websocket.receive_str() for _ in texts] == texts


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode(errors="replace")))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse(text)
    except DomainError:
        pass


@pytest.mark.parametrize("depth", [50, 4_000])
def test_nested_references_are_bounded(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    text = f'{{"action": "unsubscribe", "channel": "/a", "ref": {nested}}}'
    if depth < 100:
        assert parse(text).action is Action.UNSUBSCRIBE
    else:
        with pytest.raises(DomainError):
            parse(text)


def test_both_forms_of_a_request_say_the_same() -> None:
    objects = parse('{"action": "subscribe", "channel": "/a", "token": "t", "since": 3, "ref": {"n": 1}, "more": 0}')
    arrays = parse('["sub", ["/a", "t"], {"since": 3, "query": {"n": 1}}]')
    assert (objects.form, arrays.form) == (Form.OBJECT, Form.ARRAY)
    for name in ("action", "channel", "token", "since", "ref"):
        assert getattr(objects, name) == getattr(arrays, name)
