"""Which texts are URLs."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from service.http.fields import HttpUrl

URL: TypeAdapter[str] = TypeAdapter(HttpUrl)


def is_url(text: str) -> bool:
    try:
        URL.validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "http://a",
        "HTTPS://cdn.example.com./x.png",
        "http://127.0.0.1:8080/a/b?c=[1]&d=%22%27#e",
        "http://[::1]/",
        "http://[2001:db8::8:1]:65535",
        "https://my_host/x",
    ],
)
def test_what_rfc_3986_has_is_a_url(text: str) -> None:
    assert is_url(text)


@given(st.lists(st.sampled_from(["", "1", "ab", "0000", "12345", "g"]), min_size=2, max_size=10))
def test_an_address_in_brackets_is_an_ipv6_address(groups: list[str]) -> None:
    address = ":".join(groups)
    try:
        parsed = IPv6Address(address)
    except ValueError:
        assert not is_url(f"http://[{address}]/")
    else:
        assert is_url(f"http://[{address}]/") or parsed.is_unspecified
