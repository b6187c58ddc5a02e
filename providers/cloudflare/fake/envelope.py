"""Cloudflare's four-key envelope, and reading a JSON body with its kinds of error."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from providers.cloudflare.fake.server_state import ApiError

Model = TypeVar("Model", bound=BaseModel)


def answer(result: Any, **beside: Any) -> web.Response:
    """Return a success. `beside` are members next to `result`, such as the list's counts."""
    return web.json_response({"result": result, "success": True, "errors": [], "messages": [], **beside})


def refusal(error: ApiError, *, code: bool = True) -> web.Response:
    """Return a failure; `messages` is null, as observed."""
    item: dict[str, Any] = {"code": error.code, "message": error.message} if code else {"message": error.message}
    if error.chain:
        item["error_chain"] = error.chain
    body = {"result": None, "success": False, "errors": [item], "messages": None}
    return web.json_response(body, status=error.status)


async def read(request: web.Request, model: type[Model]) -> Model:
    """Parse the JSON body as `model`; an empty body counts as {}. Raise ApiError 400 10005."""
    raw = await request.read()
    try:
        return model.model_validate(json.loads(raw) if raw else {})
    except (ValueError, ValidationError) as failure:
        where = ""
        if isinstance(failure, ValidationError):
            where = ": " + ", ".join(".".join(map(str, each["loc"])) for each in failure.errors())
        raise ApiError(400, 10005, f"Bad Request{where}") from None
