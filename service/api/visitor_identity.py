"""Which visitor a public request names: the visitor token, the query, the header, in this order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from urllib.parse import unquote_plus

from service.domain.errors import Invalid

MAX_VISITOR_ID = 128
"""Maximum length of a visitor id, in characters. A longer one is a 400."""

PARAMETER = "visitor_id"
HEADERS = ("X-Visitor-Id", "X-Giosg-Visitor-Id")
_IN_HEADERS = tuple((name, name.lower()) for name in HEADERS)

_PLAIN_QUERY = re.compile(PARAMETER + r"=([A-Za-z0-9._~-]*)")
"""The visitor id alone, in characters that are never escaped (RFC 3986 §2.3): the query of nearly every poll."""

VisitorOf = Callable[[str, str], str | None]
"""The visitor id in a Bearer visitor token of that organization (its id in lower case), None for any other token."""


class Counting(StrEnum):
    """Whether a request counted the visitor that it names, and why not."""

    COUNTED = "counted"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a reason, not a token
    """The Bearer token is forged, expired, or not a visitor token of this organization, and no visitor id is sent beside it."""
    EMPTY_VISITOR_ID = "empty_visitor_id"
    NOT_WATCHABLE = "not_watchable"
    """Viewers are counted only while the stream is watchable."""
    NOT_COUNTED_HERE = "not_counted_here"
    """This endpoint counts no viewers."""


def named_visitor(
    organization: str, query: str, headers: Mapping[str, str], visitor_of: VisitorOf
) -> tuple[str | None, Counting | None]:
    """Return the visitor id, or the reason why it is missing; (None, None) when the request names no visitor. Errors: Invalid.

    `query` is raw, `headers` has lower-case names. A visitor id that is too long is refused also where the token goes before it, so
    that it fails on the first request and not on the day the token has expired.
    """
    visitor, reason = None, None
    authorization = headers.get("authorization")
    if authorization is not None and authorization[:7].rstrip().lower() == "bearer":
        visitor = visitor_of(organization, authorization[7:].strip())
        reason = Counting.INVALID_TOKEN if visitor is None else None
    if query and (given := _from_query(query)) is not None:
        visitor, reason = _first(visitor, reason, PARAMETER, given)
    for name, lower in _IN_HEADERS:
        if (given := headers.get(lower)) is not None:
            visitor, reason = _first(visitor, reason, name, given)
    return visitor, (reason if visitor is None else None)


def _first(visitor: str | None, reason: Counting | None, name: str, given: str) -> tuple[str | None, Counting | None]:
    if len(given) > MAX_VISITOR_ID:
        raise Invalid({name: [f"Ensure this field has no more than {MAX_VISITOR_ID} characters."]})
    if not given:
        return visitor, reason or Counting.EMPTY_VISITOR_ID
    return visitor or given, reason


def _from_query(query: str) -> str | None:
    """Of a repeated parameter the last one counts, as everywhere in this API."""
    if (plain := _PLAIN_QUERY.fullmatch(query)) is not None:
        return plain[1]
    found = None
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name == PARAMETER or ("%" in name and unquote_plus(name) == PARAMETER):
            found = unquote_plus(value)
    return found
