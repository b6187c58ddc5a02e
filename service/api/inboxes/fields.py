"""Field types of requests, which are JSON or forms: numbers and booleans may be written as text."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from service.domain.inboxes.files import NewFile, checked_file
from service.http.fields import TEXT_PATTERN
from service.http.multipart import Upload

MAX_NUMBER = 999_999_999
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _number(value: Any) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
        raise ValueError("A valid integer is required.")
    return value


Number = Annotated[
    int,
    PlainValidator(_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER},
                {"type": "string", "pattern": "^[0-9]{1,9}$"},
            ]
        }
    ),
]
"""An id or a time in seconds, also as text."""


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise ValueError("Must be a valid boolean.")


Boolean = Annotated[
    bool,
    PlainValidator(_boolean),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": list(_BOOLEANS)}]}),
]


def _seconds(value: Any) -> int:
    number = _long(value)
    if number is None:
        raise ValueError("A valid integer is required.")
    return number


def _long(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value, re.ASCII):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS
    return value if fits else None


MAX_SECONDS = 9_999_999_999

Seconds = Annotated[
    int,
    PlainValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_SECONDS},
                {"type": "string", "pattern": "^[0-9]{1,10}$"},
            ]
        }
    ),
]
"""Unix seconds, also as text."""

Text = Annotated[str, Field(pattern=TEXT_PATTERN)]
"""Any text without NUL. Its length is a rule of the record."""


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("Must be an object.")
    return _plain(value)


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object that JSON can hold: without files, and without numbers that are too large."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("Must be an object of JSON values.") from None
    return value


Attributes = Annotated[dict[str, Any], PlainValidator(_attributes), WithJsonSchema({"type": "object"})]


def _attributes_or_text(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("Must be an object, or its JSON as text.") from None
    return _attributes(value)


AttributesOrText = Annotated[
    dict[str, Any],
    PlainValidator(_attributes_or_text),
    WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string"}]}),
]
"""An object, also as its JSON in a text."""


def _files(value: Any) -> list[NewFile]:
    uploads = value if isinstance(value, list) else [value]
    if not all(isinstance(each, Upload) for each in uploads):
        raise ValueError("Files are sent as parts of a multipart body.")
    return [checked_file(each.name, each.content_type, each.size, each.content) for each in uploads]


Files = Annotated[
    list[NewFile],
    PlainValidator(_files),
    WithJsonSchema(
        {
            "type": "array",
            "items": {},
            "maxItems": 0,
            "description": "Up to 15 files, as parts named `attachments[]` of a multipart body.",
        }
    ),
]
"""Files of a multipart body. A JSON body has none."""


def _file(value: Any) -> NewFile:
    return _files([value])[0]


Picture = Annotated[NewFile, PlainValidator(_file)]
"""One file of a multipart body. It has no schema, so leave its field out of the document: a JSON body cannot have it."""
