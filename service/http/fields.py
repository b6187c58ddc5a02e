"""Field types shared by the models. The schema is exactly what is validated, so the documentation matches the service."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from service.domain.conversation.channels import MAX_URL
from service.domain.identifiers import UUID_FORM
from service.domain.names import NAME_PATTERN, OPTIONAL_NAME_PATTERN, has_control, is_name, trimmed


def show_time(moment: datetime) -> str:
    """UTC with six digits and Z, e.g. 2021-02-11T12:32:47.079271Z: what the Pub API emits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


Moment = Annotated[
    datetime,
    PlainSerializer(show_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [
        f"(?:{_GROUP}:){{7}}{_GROUP}",
        *(f"(?:{_GROUP}:){{1,{before}}}(?::{_GROUP}){{1,{7 - before}}}" for before in range(1, 7)),
        f"(?:{_GROUP}:){{1,7}}:",
        f":(?::{_GROUP}){{0,6}}:0{{0,3}}[1-9A-Fa-f][0-9A-Fa-f]{{0,3}}",
    ]
)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:25[0-5]|2[0-4][0-9]|1[0-9]{{2}}|[1-9][0-9]?)(?:\.{_OCTET}){{3}}"
# A last label of digits would make it an IPv4 address for browsers: 0 is 0.0.0.0, 2130706433 and 0x7f.1 are 127.0.0.1.
_NAME = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.)?[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\.?"
_PORT = "(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_CHARACTER = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=-]|%[0-9A-Fa-f]{2})"
URL_PATTERN = rf"^[Hh][Tt][Tt][Pp][Ss]?://(?:\[(?:{_IPV6})\]|{_IPV4}|{_NAME})(?::{_PORT})?(?:[/?#]{_CHARACTER}*)?$"
"""An http(s) URL: a host name or address (IPv4 as four numbers, not 0.…), a port and ASCII as RFC 3986 has it; quotation marks of
either kind, angle brackets and other characters that URLs do not hold are sent percent-encoded. Private addresses are allowed:
visitors may be in a private network. The URLs that the service itself calls are checked besides (`domain.outgoing`)."""

HttpUrl = Annotated[str, Field(max_length=MAX_URL, pattern=URL_PATTERN)]

TEXT_PATTERN = r"^[^\u0000]*$"
"""Any text without NUL, which PostgreSQL cannot store."""

CHANNEL_PATTERN = r"^(/\*\*|(/([A-Za-z0-9._~-]+|\*))+(/\*\*)?/?)$"
"""A pattern of paths: literal segments, `*` for any one, and `**` at the end for any rest."""

FLAG_PATTERN = r"^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])?$"
"""A boolean as a query parameter. Case-insensitive; an empty value means none."""

PATTERN_MESSAGES = {
    URL_PATTERN: "Enter a valid URL.",
    NAME_PATTERN: "This field may not be blank.",
    OPTIONAL_NAME_PATTERN: "This field may not be blank.",
    CHANNEL_PATTERN: "Enter a path with segments of letters, digits and . _ ~ -, or * for any one; ** may end it.",
    FLAG_PATTERN: "Must be a valid boolean.",
}
"""Error messages by pattern."""

CONTROL_MESSAGE = "Control and bidirectional formatting characters are not allowed."


def mismatch(pattern: str, given: str) -> str:
    """Return the error message for `given`, which does not match the pattern of its field."""
    if "\0" in given:
        return "Null characters are not allowed."
    if pattern in (NAME_PATTERN, OPTIONAL_NAME_PATTERN) and has_control(trimmed(given)):
        return CONTROL_MESSAGE
    return PATTERN_MESSAGES.get(pattern, "Enter a valid value.")


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

Trimmed = AfterValidator(trimmed)


def _visible(text: str) -> str:
    if text and not is_name(text):
        raise ValueError(PATTERN_MESSAGES[NAME_PATTERN])
    return text


Visible = AfterValidator(_visible)
"""Behind `Trimmed`, for the few invisible characters that the pattern of a name lets pass."""


def _id(value: Any) -> UUID:
    """With dashes, case-insensitive. Pydantic also accepts braces and URNs."""
    if not isinstance(value, str) or not UUID_FORM.fullmatch(value):
        raise ValueError("Must be a valid UUID.")
    return UUID(value)


Id = Annotated[UUID, PlainValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})]

_DAY = (
    r"((19|[2-9][0-9])[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"|((19|[2-9][0-9])(0[48]|[2468][048]|[13579][26])|([2468][048]|[3579][26])00)-02-29)"
)
INSTANT_PATTERN = (
    rf"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,9}})?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))$"
)
"""A moment as clients may send it: from 1900 to 9999, up to nine digits of a second, a zone. It names no day that never was."""

LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The latest moment that is kept. One microsecond before the year 10,000 PostgreSQL's driver makes it "infinity"."""

_INSTANT = re.compile(INSTANT_PATTERN)


def _instant(value: Any) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm:ss[.uuuuuu]Z.")
    try:
        return min(datetime.fromisoformat(value).astimezone(UTC), LATEST)
    except OverflowError:  # the last hours of the year 9999, west of Greenwich
        return LATEST


Instant = Annotated[datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "pattern": INSTANT_PATTERN})]
