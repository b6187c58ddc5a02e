"""Bodies as JSON, as a form or as multipart data with files, decoded to the same nested objects.

Names of form fields nest as Rails writes them: `message[content]`, `attachments[]`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError
from multidict import MultiDict
from pydantic_core import from_json
from yarl import query_to_pairs

from service.http.errors import BadBody, Unsupported
from service.http.json_text import count_values, readable
from service.http.multipart import UNREADABLE, Upload, read_multipart

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

MAX_FIELDS = 500
"""Fields of a form."""

TOO_MANY_FIELDS = f"A form may have {MAX_FIELDS} fields."

MAX_VALUES = 10_000
"""Values of a JSON body, nested ones included. Reading and checking so many takes about 20 ms."""

MAX_NAME = 1_000
"""Characters of a field's name. A field with a longer one is refused."""

MAX_NESTING = 5
"""Levels of a field's name."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class FormLimits:
    """In bytes and seconds. `multipart` is the limit of a whole body with files."""

    plain: int
    multipart: int
    timeout: float


UPLOADS = web.RequestKey("uploads", list[Upload])
"""The files of a request."""


async def read_any(request: web.Request, limits: FormLimits) -> Any:
    """Return the decoded body; an absent one is an empty object.

    Raises:
        BadBody: The body is malformed.
        Unsupported: Its media type is not supported.
        web.HTTPRequestEntityTooLarge, web.HTTPRequestTimeout: A limit is exceeded.
    """
    declared = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(limits.timeout):
            if declared == MULTIPART:
                fields = await read_multipart(request, limits.multipart, limits.plain)
                request[UPLOADS] = [each for each in fields.values() if isinstance(each, Upload)]
                return nested(fields)
            raw = await request.clone(client_max_size=limits.plain).read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    # aiohttp's multipart reader raises any of these for a malformed body.
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError, ValueError, AssertionError, RuntimeError):
        raise BadBody(UNREADABLE) from None
    if declared == FORM:
        return nested(_form(raw))
    if not raw.strip():
        return {}
    if declared and declared != "application/json" and not declared.endswith("+json"):
        raise Unsupported(declared)
    if count_values(raw, MAX_VALUES) > MAX_VALUES:
        raise BadBody(f"A JSON body may have {MAX_VALUES:,} values.")
    try:
        return from_json(readable(raw), allow_inf_nan=False)
    except ValueError as error:
        raise BadBody(f"JSON parse error - {error}") from None


def close_uploads(request: web.Request) -> None:
    """Close the temporary files of a request."""
    for upload in request.get(UPLOADS, ()):
        upload.content.close()


def _form(raw: bytes) -> MultiDict[Any]:
    """Return the fields of a form, which is UTF-8 (URL §5.1). Raise BadBody if there are too many."""
    try:
        return MultiDict(query_to_pairs(raw.decode().rstrip(), max_fields=MAX_FIELDS))
    except UnicodeDecodeError:
        raise BadBody(UNREADABLE) from None
    except ValueError:
        raise BadBody(TOO_MANY_FIELDS) from None


def nested(fields: MultiDict[Any]) -> dict[str, Any]:
    """Return the fields of a form as nested objects and lists. Raise BadBody for names that contradict each other."""
    items = fields.items()
    if len(items) > MAX_FIELDS:
        raise BadBody(TOO_MANY_FIELDS)
    body: dict[str, Any] = {}
    for name, value in items:
        if len(name) > MAX_NAME:
            raise BadBody(f"The name of a field may have {MAX_NAME:,} characters.")
        found = _NAME.fullmatch(name)
        if found is None:
            continue
        path = [found[1], *_PART.findall(found[2])]
        if len(path) > MAX_NESTING:
            raise BadBody(f"The field {path[0]!r} is nested too deeply.")
        _put(body, path, value)
    return body


def _put(body: dict[str, Any], path: list[str], value: Any) -> None:
    """Store a value below the names of `path`, of which an empty one appends to a list."""
    level: Any = body
    for step, following in zip(path, [*path[1:], None], strict=True):
        inner: Any = value if following is None else [] if following == "" else {}
        if isinstance(level, list):
            if step or following is not None:
                raise BadBody(f"The fields of {path[0]!r} contradict each other.")
            level.append(inner)
            return
        if following is None:
            level[step] = inner
            return
        level = level.setdefault(step, inner)
        if not isinstance(level, type(inner)):
            raise BadBody(f"The fields of {path[0]!r} contradict each other.")
