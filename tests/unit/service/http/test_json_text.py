"""Lone surrogates and byte order marks, as clients send them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.json_text import MAX_REPLACED, count_values, readable


@given(st.text(st.characters(codec=None, categories=None), max_size=30) | st.text('\ud83d\ude00a\\\\u"d', max_size=30))
def test_any_text_that_a_client_escapes_is_read_as_unicode(text: str) -> None:
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    read = json.loads(readable(json.dumps(text).encode()))
    read.encode()  # no surrogate is left
    assert len(read) == len(text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))
    assert read == text or "\ufffd" in read or read == whole


@pytest.mark.parametrize("body", [b'{"a": "\\u0041"}', b"{}", b"", b'"\\ud83d\\ude00"', b'"\\\\ud83d"', b'"\\'])
def test_what_needs_no_change_gets_none(body: bytes) -> None:
    assert readable(body) == body


def test_more_of_them_than_any_client_sends_are_left() -> None:
    assert b"\\ufffd" in readable(b'"' + b"\\ud83d" * MAX_REPLACED + b'"')
    many = b'"' + b"\\ud83d" * (MAX_REPLACED + 1) + b'"'
    assert readable(many) == many


def test_values_are_counted_in_linear_time() -> None:
    assert count_values(b"," * 10_001 + b'\\"' * 500_000, 10_000) == 10_001  # the first string never closes


@pytest.mark.parametrize("rest", [b"", b"\\", b'\\"', b", [{"])
def test_a_string_that_never_closes_has_no_values(rest: bytes) -> None:
    assert count_values(b'[1, 2, "[[[[' + rest, 3) == 3


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_any_strings_may_be_in_as_many_values_as_the_limit(limit: int) -> None:
    text = '[{,"' * (limit + 1)
    pairs = {f"{number}{text}": text for number in range(limit + 1)}
    within = [text, dict([*pairs.items()][:limit]), [text] * limit]
    for value in within[:1] if limit == 0 else within:
        assert count_values(json.dumps(value).encode(), limit) <= limit
    for value in pairs, [text] * (limit + 1):
        assert count_values(json.dumps(value).encode(), limit) > limit
