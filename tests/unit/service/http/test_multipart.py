"""Bodies as JSON, forms and multipart data: what they mean, and that a client cannot make them expensive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from service.http.errors import BadBody
from service.http.forms import MAX_FIELDS, MAX_VALUES, UPLOADS, FormLimits, close_uploads, read_any
from service.http.multipart import MAX_HEADERS, MAX_LINE, MAX_LINES, MAX_PARTS, Disposition, disposition

LIMITS = FormLimits(plain=10_000, multipart=50_000, timeout=5.0)
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
FIELD = 'Content-Disposition: form-data; name="a"'
FILE = 'Content-Disposition: form-data; name="a"; filename="a.bin"'
NO_FILE = 'Content-Disposition: form-data; name="files[]"; filename=""\r\nContent-Type: application/octet-stream'


def part(headers: str, content: bytes = b"") -> bytes:
    return b"--B\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def asked(body: bytes, content_type: str = MULTIPART, *, ends: bool = True) -> web.Request:
    loop = asyncio.get_running_loop()
    content = StreamReader(BaseProtocol(loop), 1 << 20, loop=loop)
    content.feed_data(body)
    if ends:
        content.feed_eof()
    return make_mocked_request("POST", "/", headers={"Content-Type": content_type}, payload=content)


async def read(body: bytes, content_type: str = MULTIPART) -> Any:
    request = asked(body, content_type)
    try:
        return await read_any(request, LIMITS)
    finally:
        close_uploads(request)


async def test_texts_and_files_are_read() -> None:
    parts = [part('Content-Disposition: form-data; name="message[text]"', "ä\r\n".encode())]
    parts.append(
        part('content-disposition:form-data; name="files[]"; filename="a;b;c.png"\r\nContent-Type: image/png', b"1")
    )
    request = asked(b"\r\n" + b"".join(parts) + b"--B--\r\nand more")
    body = await read_any(request, LIMITS)
    (upload,) = request[UPLOADS]
    assert body == {"message": {"text": "ä\r\n"}, "files": [upload]}
    assert (upload.name, upload.content_type, upload.size, upload.content.read()) == ("a;b;c.png", "image/png", 1, b"1")
    close_uploads(request)


@pytest.mark.parametrize(
    ("parameters", "read"),
    [
        ("", Disposition()),
        ("; name=a", Disposition("a")),
        ('; name="a\\"b\\\\c"', Disposition('a"b\\c')),
        ('; name="a"; filename="";', Disposition("a", "")),
        ("; name=a; filename=b; filename*=utf-8''%C3%A4", Disposition("a", "ä")),
        ("; name=a; filename=b; filename*=punycode''a-b", Disposition("a", "b")),
        ('; NAME="a"; name="b"', Disposition("a")),
    ],
)
def test_the_disposition_of_a_part_is_read(parameters: str, read: Disposition) -> None:
    assert disposition(f"Content-Disposition: form-data{parameters}\r\n") == read


@pytest.mark.parametrize(
    "body",
    [
        part("Content-Disposition: attachment; name=a"),
        part('Content-Disposition: form-data; name="a'),
        part("Content-Type: text/plain"),
        part('Content-Disposition: form-data;\r\n name="a"'),
        part(f"{FIELD}\r\nContent-Type: multipart/mixed; boundary=C"),
        part(f"{FIELD}\r\nContent-Transfer-Encoding: odd", b"a"),
        part(FIELD + "\r\nX: a" * (MAX_HEADERS + 1)),
        part(f"{FIELD}\r\nX: {'a' * MAX_LINE}"),
        part(FIELD) * (MAX_PARTS + 1),
        part(FILE) * (MAX_PARTS + 1),
        part(NO_FILE) * (MAX_PARTS + 1),
        b"\r\n" * (MAX_LINES + 1) + part(FIELD),
        part(FIELD)[:-5],
        b"",
    ],
)
async def test_what_is_malformed_or_costs_much_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        await read(body + b"--B--\r\n" if body else body)


async def test_a_file_input_without_a_file_is_no_file() -> None:
    request = asked(part(FIELD, b"1") + part(NO_FILE) + b"--B--\r\n")
    assert (await read_any(request, LIMITS), request[UPLOADS]) == ({"a": "1"}, [])
    nameless, empty = asked(part(NO_FILE, b"1") + b"--B--\r\n"), asked(part(FILE) + b"--B--\r\n")
    for each in (nameless, empty):
        await read_any(each, LIMITS)
        assert len(each[UPLOADS]) == 1
        close_uploads(each)


@pytest.mark.parametrize("body", [part(FIELD, b"a" * 6_000) * 2, part(FILE, b"a" * 60_000)])
async def test_too_much_text_or_too_large_a_file_is_refused(body: bytes) -> None:
    with pytest.raises(web.HTTPRequestEntityTooLarge):
        await read(body + b"--B--\r\n")


async def test_a_text_that_decodes_to_nothing_is_refused_before_it_ends() -> None:
    endless = part(f"{FIELD}\r\nContent-Transfer-Encoding: base64", b"\n" * 200_000)
    with pytest.raises(web.HTTPRequestEntityTooLarge):
        await read_any(asked(endless, ends=False), LIMITS)


@pytest.mark.parametrize("charset", ["punycode", "utf-16", "no such"])
async def test_a_client_does_not_choose_the_codec(charset: str) -> None:
    assert await read(b"a=%C3%A4&b=\xc3\xa4", f"{FORM}; charset={charset}") == {"a": "ä", "b": "ä"}
    text = part(f"{FIELD}\r\nContent-Type: text/plain; charset={charset}", b"\xc3\xa4")
    named = part('Content-Disposition: form-data; name="_charset_"', charset.encode())
    assert (await read(named + text + b"--B--\r\n"))["a"] == "ä"


async def test_a_form_has_a_maximum_of_fields() -> None:
    assert await read(b"a=1&" * (MAX_FIELDS - 1) + b"a=2", FORM) == {"a": "2"}
    with pytest.raises(BadBody, match=f"{MAX_FIELDS} fields"):
        await read(b"a=1&" * MAX_FIELDS + b"a=2", FORM)
    with pytest.raises(BadBody):
        await read(b"a=\xff", FORM)


async def test_json_has_a_maximum_of_values_but_text_may_have_any_commas() -> None:
    limits = FormLimits(plain=1 << 20, multipart=1, timeout=5.0)
    text = '"[{,' * 20_000
    request = asked(b'{"a": "' + text.replace('"', '\\"').encode() + b'"}', "application/json")
    assert await read_any(request, limits) == {"a": text}
    with pytest.raises(BadBody, match="10,000 values"):
        await read_any(asked(b"[" + b"1," * MAX_VALUES + b"1]", "application/json"), limits)
