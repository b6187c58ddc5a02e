"""Names of form fields nest as in Rails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from service.http.errors import BadBody
from service.http.forms import MAX_FIELDS, MAX_NAME, nested


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([("name", "Ada")], {"name": "Ada"}),
        ([("message[content]", "hi"), ("message[private]", "1")], {"message": {"content": "hi", "private": "1"}}),
        ([("a[b][c]", "1")], {"a": {"b": {"c": "1"}}}),
        ([("ids[]", "1"), ("ids[]", "2")], {"ids": ["1", "2"]}),
        ([("a[ids][]", "1"), ("a[ids][]", "2")], {"a": {"ids": ["1", "2"]}}),
        ([("name", "old"), ("name", "new")], {"name": "new"}),
        ([("[odd]", "1"), ("a]b", "2"), ("", "3"), ("fine", "4")], {"fine": "4"}),
    ],
)
def test_fields_become_an_object(fields: list[tuple[str, str]], body: dict[str, Any]) -> None:
    assert nested(MultiDict(fields)) == body


@pytest.mark.parametrize(
    "fields",
    [
        [("a", "1"), ("a[b]", "2")],
        [("a[]", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a[]", "2")],
        [("a[][b]", "1")],
        [("a[b][c][d][e][f]", "1")],
        [("a" * (MAX_NAME + 1), "1")],
        [(f"field{number}", "1") for number in range(MAX_FIELDS + 1)],
    ],
)
def test_what_contradicts_itself_or_is_too_much_is_refused(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(BadBody):
        nested(MultiDict(fields))


@given(st.lists(st.tuples(st.text("ab[]", max_size=12), st.text(max_size=3)), max_size=8))
def test_any_names_are_an_object_or_refused(fields: list[tuple[str, str]]) -> None:
    try:
        body = nested(MultiDict(fields))
    except BadBody:
        return
    assert isinstance(body, dict)
