"""Files that contacts and agents attach to messages. Their names and types are shown, and never used as paths."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from service.domain.inboxes.entities import Attachment
from service.domain.inboxes.errors import Refused
from service.domain.inboxes.ports import AttachmentFiles

MAX_FILE = 40 * 1024 * 1024
"""Bytes of one file."""

MAX_NAME = 255
TOKEN_BYTES = 24

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\"<>|:*?\\]")

SHOWN_BY_BROWSERS = re.compile(r"image/(png|jpeg|gif|webp|avif)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+")
"""Media types that are served for display. A browser saves files of all others: none of them is run from our origin."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """An uploaded file. `token` becomes its address."""

    name: str
    content_type: str
    size: int
    content: BinaryIO
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))


def checked_file(name: str, content_type: str, size: int, content: BinaryIO) -> NewFile:
    """Return an upload with a harmless name and a valid type. Raise Refused if it is too large."""
    if size > MAX_FILE:
        raise Refused(f"Validation failed: File size is too big (maximum is {MAX_FILE >> 20} MB)")
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = _UNSAFE_IN_NAME.sub("", last).strip(" .")[-MAX_NAME:] or "file"
    media_type = content_type.partition(";")[0].strip().lower()
    return NewFile(
        clean, media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream", size, content
    )


def file_type(content_type: str) -> str:
    """Return the contract's type of a file: image, audio, video or file."""
    family = content_type.partition("/")[0]
    return family if family in ("image", "audio", "video") else "file"


def stored_rows(
    files: Sequence[NewFile], account_id: int, message_id: int | None, now: datetime
) -> list[Mapping[str, Any]]:
    return [
        {
            "token": each.token,
            "account_id": account_id,
            "message_id": message_id,
            "file_type": file_type(each.content_type),
            "name": each.name,
            "content_type": each.content_type,
            "size": each.size,
            "width": None,
            "height": None,
            "created_at": now,
        }
        for each in files
    ]


@asynccontextmanager
async def kept(store: AttachmentFiles, files: Sequence[NewFile]) -> AsyncIterator[None]:
    """Store the contents of files for the block that stores their rows. Remove them again if the block fails."""
    done: list[str] = []
    try:
        for each in files:
            await store.keep(each.token, each.content)
            done.append(each.token)
        yield
    except BaseException:
        for token in done:
            await store.remove(token)
        raise


def is_displayed(attachment: Attachment) -> bool:
    """Return whether a browser may display the file instead of saving it."""
    return SHOWN_BY_BROWSERS.fullmatch(attachment.content_type) is not None
