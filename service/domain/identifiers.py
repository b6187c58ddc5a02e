"""Ids in requests: UUIDs with dashes, in either case (RFC 9562 §4), the same at every endpoint, in paths and bodies."""

from __future__ import annotations

import re
from uuid import UUID

from service.domain.errors import NotFound

UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_uuid(written: str) -> UUID:
    """Parse an id. Raise NotFound for any other text: nothing can exist under it."""
    if UUID_FORM.fullmatch(written) is None:
        raise NotFound
    return UUID(written)
