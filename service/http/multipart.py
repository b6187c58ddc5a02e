"""Read multipart/form-data (RFC 7578) with aiohttp's reader, in time that a client cannot make large.

aiohttp skips any number of lines before the first part, decodes texts with any codec of Python that a client names (`punycode`
takes time quadratic in the length), and cuts the name of a file at a second semicolon. So the lines are counted here, the
header Content-Disposition is read here, and all text is UTF-8, as browsers send it (HTML §4.10.22.8).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import unquote

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from multidict import MultiDict

from service.http.errors import BadBody

MAX_PARTS = 100
"""Parts of a body."""

MAX_LINES = 10 * MAX_PARTS
"""Boundaries, header lines and lines before the first part of a body. A part has about five."""

MAX_HEADERS = 16
"""Header lines of a part."""

MAX_LINE = 4096
"""Bytes of a header line of a part."""

MAX_IN_MEMORY = 1024 * 1024
"""Bytes of a file that are kept in memory; a larger file is on the disk."""

PIECE = 64 * 1024

UNREADABLE = "The request body could not be read."
TOO_MANY = f"A multipart body may have {MAX_PARTS} parts."

_DISPOSITION = re.compile(
    r"""content-disposition: [ \t]* form-data
    (?P<parameters> (?: [ \t]* ; [ \t]* [\w!#$%&'*+.^`|~-]{1,64} = (?: "(?:[^"\\]|\\.)*+" | [^\s;"]*+ ) )*+ )
    [ \t]* ;? [ \t\r\n]*""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_PARAMETER = re.compile(r""";\s*([^=]+)=(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]*+))""", re.DOTALL)
_ESCAPED = re.compile(r"\\([\"\\])")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart body, in a temporary file. The name and the type are as the client sent them."""

    name: str
    content_type: str
    size: int
    content: BinaryIO


@dataclass(frozen=True, slots=True)
class Disposition:
    """Content-Disposition of a part. A file has a file name, perhaps an empty one."""

    name: str | None = None
    filename: str | None = None


def disposition(line: str) -> Disposition:
    """Read a header line Content-Disposition (RFC 7578 §4.2). Raise BadBody if it is malformed.

    `filename*` is not used in forms, but read if it is UTF-8 (RFC 8187 §3.2).
    """
    found = _DISPOSITION.fullmatch(line)
    if found is None:
        raise BadBody(UNREADABLE)
    values: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(found["parameters"]):
        # The first of two equal names counts, so that nothing behind it replaces what was checked.
        values.setdefault(name.strip().lower(), _ESCAPED.sub(r"\1", quoted) if quoted else token)
    extended = values.get("filename*", "")
    if extended.lower().startswith("utf-8'"):
        values["filename"] = unquote(extended.split("'", 2)[-1], "utf-8", "replace")
    return Disposition(values.get("name"), values.get("filename"))


class _Lines:
    """The body as aiohttp's reader sees it. Lines that it reads with a limit are the headers of a part."""

    def __init__(self, content: StreamReader) -> None:
        self.disposition = Disposition()
        self.read = content.read
        self.at_eof = content.at_eof
        self.unread_data = content.unread_data
        self._content = content
        self._left = MAX_LINES

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise BadBody(TOO_MANY)
        line = await self._content.readline(max_line_length=max_line_length)
        if max_line_length is None:
            return line
        if line[:1] in (b" ", b"\t"):
            raise BadBody(UNREADABLE)  # no header is folded (RFC 7578 §4.8 allows three headers)
        if line[:20].lower() == b"content-disposition:":
            self.disposition = disposition(line.decode("utf-8", "replace"))
            return b"Content-Disposition: form-data\r\n"
        return line


async def read_multipart(request: web.Request, max_size: int, max_text: int) -> MultiDict[str | Upload]:
    """Return the fields of a multipart body. The caller closes the uploads.

    Args:
        max_size: Maximum of the body in bytes.
        max_text: Maximum in bytes of all fields that are not files.

    Raises:
        BadBody: The body is malformed or has too many parts.
        web.HTTPRequestEntityTooLarge: It is too large.
        aiohttp's errors, ValueError, RuntimeError: The body is malformed.
    """
    lines = _Lines(request.content)
    reader = MultipartReader(
        request.headers, cast(StreamReader, lines), max_field_size=MAX_LINE, max_headers=MAX_HEADERS
    )
    fields: MultiDict[str | Upload] = MultiDict()
    parts = 0
    try:
        while (part := await reader.next()) is not None:
            parts += 1
            if parts > MAX_PARTS:
                raise BadBody(TOO_MANY)
            place, lines.disposition = lines.disposition, Disposition()
            if not isinstance(part, BodyPartReader) or place.name is None:
                raise BadBody(UNREADABLE)
            if place.filename is None:
                text = await _text(part, max_text, request.content, max_size)
                max_text -= len(text)
                fields.add(place.name, text.decode("utf-8", "replace"))
            else:
                upload = await _upload(part, place.filename, request.content, max_size)
                if place.filename or upload.size:
                    fields.add(place.name, upload)
                else:
                    upload.content.close()  # a file input without a file (HTML §4.10.22.4)
            if request.content.total_bytes > max_size:
                raise web.HTTPRequestEntityTooLarge(max_size)
    except BaseException:
        for each in fields.values():
            if isinstance(each, Upload):
                each.content.close()
        raise
    return fields


async def _text(part: BodyPartReader, max_text: int, body: StreamReader, max_size: int) -> bytes:
    text = bytearray()
    while piece := await part.read_chunk(PIECE):
        text += part.decode(piece)
        if len(text) > max_text:
            raise web.HTTPRequestEntityTooLarge(max_text)
        if body.total_bytes > max_size:  # line feeds in base64 decode to nothing
            raise web.HTTPRequestEntityTooLarge(max_size)
    return bytes(text)


async def _upload(part: BodyPartReader, name: str, body: StreamReader, max_size: int) -> Upload:
    """Write a file to a temporary one, in a thread once that is on the disk."""
    content = SpooledTemporaryFile(MAX_IN_MEMORY)
    size = 0
    try:
        while piece := await part.read_chunk(PIECE):
            if body.total_bytes > max_size:
                raise web.HTTPRequestEntityTooLarge(max_size)
            piece = bytes(part.decode(piece))
            size += len(piece)
            if size > MAX_IN_MEMORY:
                await asyncio.to_thread(content.write, piece)
            else:
                content.write(piece)
        content.seek(0)
    except BaseException:
        content.close()
        raise
    kind = part.headers.get("Content-Type", "application/octet-stream")
    return Upload(name, kind, size, cast(BinaryIO, content))
