"""Cursors come back as they went out, and nothing else comes in."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import NotFound
from service.domain.paging import PageAnchor
from service.http.pagination import decode_cursor, encode_cursor

moments = st.datetimes(datetime(1970, 1, 2), datetime(5000, 1, 1), timezones=st.just(UTC))


HERE = "0123456789ab"


@given(moments, st.uuids(), st.booleans(), st.none() | moments)
def test_a_cursor_comes_back_as_it_went_out(
    at: datetime, identity: UUID, backward: bool, since: datetime | None
) -> None:
    anchor = PageAnchor(at, str(identity), backward, since)
    assert decode_cursor(encode_cursor(anchor, HERE), HERE, by_uuid=True) == anchor
    with pytest.raises(NotFound):
        decode_cursor(encode_cursor(anchor, HERE), "ba9876543210", by_uuid=True)


@given(st.text(max_size=600) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")), st.booleans())
def test_any_text_is_a_cursor_or_not_found(text: str, by_uuid: bool) -> None:
    with suppress(NotFound):
        decode_cursor(text, HERE, by_uuid=by_uuid)
