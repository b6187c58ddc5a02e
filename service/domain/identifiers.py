"""How ids are written in paths: UUIDs with dashes, in either case (RFC 9562 §4); the same at every endpoint."""

from __future__ import annotations

import re
from uuid import UUID

from service.domain.errors import NotFound

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_uuid(written: str) -> UUID:
    """The id. Errors: NotFound, since what is none names nothing that could exist."""
    if _UUID.fullmatch(written) is None:
        raise NotFound
    return UUID(written)
