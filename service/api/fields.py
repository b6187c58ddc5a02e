"""Field types shared by the models. What a schema says is exactly what is checked, so documentation and service cannot part."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from service.domain.channels import MAX_URL
from service.domain.identifiers import UUID_FORM


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

FLAG_PATTERN = r"^([Tt]rue|[Ff]alse)?$"
"""A boolean as a query parameter, as Python and JavaScript write it. An empty one is none."""

PATTERN_MESSAGES = {
    URL_PATTERN: "Enter a valid URL.",
    NAME_PATTERN: "This field may not be blank.",
    FLAG_PATTERN: "Must be a valid boolean.",
}
"""What is wrong with a text that does not match."""


Flag = Annotated[
    str,
    Field(pattern=FLAG_PATTERN),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": FLAG_PATTERN}]}),
]
"""A boolean as a query parameter: clients give it as their language's own."""


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 12.0 is the integer 12. A boolean is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""Beside an int field: `Annotated[int, Field(ge=0), Whole]`, in this order, or the schema loses the limits."""

Trimmed = AfterValidator(lambda text: text.strip(" \t\r\n"))


def _id(value: Any) -> UUID:
    """With dashes, in any case. Pydantic would take braces and URNs, too."""
    if not isinstance(value, str) or not UUID_FORM.fullmatch(value):
        raise ValueError("Must be a valid UUID.")
    return UUID(value)


Id = Annotated[UUID, PlainValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})]

_DAY = (
    r"((19|20)[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"|(20([02468][048]|[13579][26])|19(0[48]|[2468][048]|[13579][26]))-02-29)"
)
INSTANT_PATTERN = (
    rf"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,9}})?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))$"
)
"""A moment as clients may send it: up to nine digits of a second, a zone. It names no day that never was."""

_INSTANT = re.compile(INSTANT_PATTERN)


def _instant(value: Any) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm:ss[.uuuuuu]Z.")
    return datetime.fromisoformat(value).astimezone(UTC)


Instant = Annotated[datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "pattern": INSTANT_PATTERN})]
