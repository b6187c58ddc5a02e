"""Field types shared by the models. What a schema says is exactly what is checked, so documentation and service cannot part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from service.domain.channels import MAX_URL


def show_time(moment: datetime) -> str:
    """UTC with six digits and Z, e.g. 2021-02-11T12:32:47.079271Z: what the Pub API emits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


Moment = Annotated[
    datetime,
    PlainSerializer(show_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

URL_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(:[0-9]{1,5})?([/?#][!-~]*)?$"
"""An http(s) URL: ASCII without blanks, as RFC 3986 has it."""

HttpUrl = Annotated[str, Field(max_length=MAX_URL, pattern=URL_PATTERN)]

NAME_PATTERN = r"^[^\u0000]*[^ \t\r\n\u0000][^\u0000]*$"
"""Not blank; PostgreSQL keeps no NUL."""

TEXT_PATTERN = r"^[^\u0000]*$"
"""PostgreSQL keeps no NUL."""


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 12.0 is the integer 12. A boolean is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""Beside an int field: `Annotated[int, Field(ge=0), Whole]`, in this order, or the schema loses the limits."""

Trimmed = AfterValidator(lambda text: text.strip(" \t\r\n"))
