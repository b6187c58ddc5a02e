"""Paginated collections on the wire: opaque cursors and absolute links, as in the Pub API."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from service.domain.errors import NotFound
from service.domain.paging import Page, PageAnchor, PageRequest
from service.http.fields import TEXT_PATTERN
from service.http.operation import Call, Nothing, Reply
from service.http.schemas import PageAnswer

DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 100
MAX_CURSOR = 512
"""Maximum length of a cursor, in characters."""

INVALID_CURSOR = "Invalid cursor"

COLLECTION_BYTES = 6
"""Of the digest by which a cursor belongs to its collection."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 17 digits of µs reach into the year 5138: far enough, and a provider may still add to it.
_PLAIN = re.compile(r"([nb])([0-9]{1,17})\.([A-Za-z0-9_-]{1,128})\.([0-9a-f]+)(?:\.([0-9]{1,17}))?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)

T = TypeVar("T")


def _page_size(text: str) -> int:
    """Validate an integer of at least 1; more than MAX_PAGE_SIZE means MAX_PAGE_SIZE."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("A valid integer is required.")
    digits = text.lstrip("+").lstrip("0")[:4]  # a number may have more digits than Python reads
    if text.startswith("-") or not digits:
        raise ValueError("Ensure this value is greater than or equal to 1.")
    return min(int(digits), MAX_PAGE_SIZE)


PageSize = Annotated[
    int,
    PlainValidator(_page_size),
    WithJsonSchema({"type": "integer", "minimum": 1, "default": DEFAULT_PAGE_SIZE}),
    Field(description=f"Items per page. More than {MAX_PAGE_SIZE} means {MAX_PAGE_SIZE}."),
]

MAX_SEARCH = 255
"""Maximum length of a search text, in characters."""


class PageQuery(BaseModel):
    """Query parameters of every collection."""

    cursor: str | None = Field(
        None, description="Position in the collection, from `next` or `previous`. Empty: the first page."
    )
    page_size: PageSize = DEFAULT_PAGE_SIZE

    @property
    def known_ordering(self) -> str:
        """The effective ordering; empty for collections with a single one."""
        return ""


class SearchQuery(PageQuery):
    """Additional query parameters of collections of channels and streams."""

    search: str = Field(
        "", max_length=MAX_SEARCH, pattern=TEXT_PATTERN, description="Part of the channel's name. Case-insensitive."
    )


def page_request(call: Call[Any, Nothing], *, by_uuid: bool) -> PageRequest:
    """Return the requested page. `by_uuid`: the collection's ids are UUIDs.

    Errors: NotFound for a bad cursor, and for one of another collection or another ordering.
    """
    query: PageQuery = call.query
    anchor = decode_cursor(query.cursor, _collection(call), by_uuid=by_uuid) if query.cursor else None
    return PageRequest(query.page_size, anchor)


def _collection(call: Call[Any, Any]) -> str:
    """Return a digest of the collection and its ordering, independent of how their ids and names are written."""
    resource = call.request.match_info.route.resource
    path = "" if resource is None else resource.canonical.rstrip("/")
    ids = ",".join(str(each) for each in call.path.values())
    named = f"{path} {ids} {call.query.known_ordering}"
    return hashlib.blake2b(named.encode(), digest_size=COLLECTION_BYTES).hexdigest()


def encode_cursor(anchor: PageAnchor, collection: str) -> str:
    """Return an opaque cursor: direction, time in µs since 1970, id, digest of the collection, and the time of the first page."""
    since = "" if anchor.since is None else f".{_micros(anchor.since)}"
    plain = f"{'b' if anchor.backward else 'n'}{_micros(anchor.at)}.{anchor.id}.{collection}{since}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def decode_cursor(cursor: str, collection: str, *, by_uuid: bool) -> PageAnchor:
    """Decode a cursor. Errors: NotFound if `encode_cursor` did not make it for this collection."""
    anchor, of = read_cursor(cursor)
    if of != collection or (by_uuid and not _UUID.fullmatch(anchor.id)):
        raise NotFound(INVALID_CURSOR)
    return anchor


def read_cursor(cursor: str) -> tuple[PageAnchor, str]:
    """Return the position and the collection. Errors: NotFound for a malformed cursor."""
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError("too long")
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        parts = _PLAIN.fullmatch(plain)
        if parts is None:
            raise ValueError("malformed")
        at = _EPOCH + timedelta(microseconds=int(parts[2]))
        since = None if parts[5] is None else _EPOCH + timedelta(microseconds=int(parts[5]))
    except (ValueError, OverflowError, binascii.Error):
        raise NotFound(INVALID_CURSOR) from None
    return PageAnchor(at, parts[3], backward=parts[1] == "b", since=since), parts[4]


def page_reply(
    answer: Callable[..., PageAnswer], call: Call[Any, Any], page: Page[T], show: Callable[[T], BaseModel]
) -> Reply:
    """Return the page: items converted by `show`, and absolute links that keep the request's other parameters."""
    results = [show(item) for item in page.items]
    shown = answer(next=_link(call, page.next), previous=_link(call, page.previous), results=results)
    return Reply(shown, as_of=page.as_of)


def _link(call: Call[Any, Any], anchor: PageAnchor | None) -> str | None:
    if anchor is None:
        return None
    kept = [(name, value) for name, value in call.request.query.items() if name != "cursor"]
    query = urlencode([*kept, ("cursor", encode_cursor(anchor, _collection(call)))], errors="replace")
    return f"{call.origin}{call.request.rel_url.raw_path}?{query}"
