"""The rules of contacts and messages, with the sentences of the contract. Errors: RecordInvalid, Refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

from service.domain.inboxes.entities import Inbox
from service.domain.inboxes.errors import HMAC_FAILED, NotPermitted, RecordInvalid, Refused
from service.domain.inboxes.ports import InboxRecords

MAX_TEXT = 255
"""Characters of a name, an email address, an identifier and a source id."""

MAX_CONTENT = 150_000
"""Characters of a message."""

MAX_WEBHOOK_URL = 2048
MAX_ATTRIBUTES = 64 * 1024
"""Bytes of JSON of one object of attributes."""

MAX_ATTACHMENTS = 15
MAX_MESSAGES_PER_MINUTE = 200
"""In one conversation."""

EMAIL = re.compile(
    r"[^@\s\x00-\x1f<>,;:\"\\]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
PHONE = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
"""E.164: a plus sign and at most 15 digits."""

UNIQUE = ("email", "phone_number", "identifier")
"""Attributes that no two contacts of an account share."""

LABELS = {
    "name": "Name", "email": "Email", "phone_number": "Phone number", "identifier": "Identifier", "source_id": "Source",
}  # fmt: skip

S = TypeVar("S", bound=StrEnum)


def contact_problems(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the values of a contact, apart from uniqueness."""
    problems = [
        (name, f"{label} is too long (maximum is {MAX_TEXT} characters)")
        for name, label in LABELS.items()
        if len(values.get(name) or "") > MAX_TEXT
    ]
    email, phone = values.get("email"), values.get("phone_number")
    if email and EMAIL.fullmatch(email) is None:
        problems.append(("email", "Email Invalid email"))
    if phone and PHONE.fullmatch(phone) is None:
        problems.append(("phone_number", "Phone number should be in e164 format"))
    return problems


def normalized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a contact as they are stored: email addresses in lower case, empty unique values as None."""
    stored = dict(values)
    for name in UNIQUE:
        if name in stored:
            stored[name] = (stored[name] or "").strip() or None
    if stored.get("email"):
        stored["email"] = stored["email"].lower()
    return stored


async def require_valid_contact(
    records: InboxRecords, account_id: int, values: Mapping[str, Any], contact_id: int | None = None
) -> None:
    """Check normalized values of a contact, new unless `contact_id` is given. The account must be locked.

    Raises:
        RecordInvalid: A value is malformed, or another contact has it.
    """
    problems = contact_problems(values)
    if not problems:
        for name in UNIQUE:
            value = values.get(name)
            found = await records.contact_with(account_id, name, value) if value else None
            if found is not None and found.id != contact_id:
                problems.append((name, f"{LABELS[name]} has already been taken"))
    if problems:
        raise RecordInvalid(problems)


def require_small(values: Mapping[str, Any], *names: str) -> None:
    """Raise RecordInvalid if an object of attributes is too large."""
    for name in names:
        if (
            name in values
            and len(json.dumps(values[name], ensure_ascii=False).encode(errors="replace")) > MAX_ATTRIBUTES
        ):
            label = name.replace("_", " ").capitalize()
            raise RecordInvalid([(name, f"{label} is too large (maximum is {MAX_ATTRIBUTES} bytes)")])


def choice(kind: type[S], value: str, field: str) -> S:
    """Return the member of an enumeration. Raise Refused for any other value."""
    try:
        return kind(value)
    except ValueError:
        raise Refused(f"'{value}' is not a valid {field}") from None


def choice_by_name(kind: type[IntEnum], value: str, field: str) -> Any:
    """As `choice`, by the name in lower case."""
    for each in kind:
        if each.name.lower() == value:
            return each
    raise Refused(f"'{value}' is not a valid {field}")


def require_content(content: str | None, attachments: int) -> None:
    """Raise Refused if a message is too long, or has too many files."""
    if content is not None and len(content) > MAX_CONTENT:
        raise Refused(f"Validation failed: Content is too long (maximum is {MAX_CONTENT} characters)")
    if attachments > MAX_ATTACHMENTS:
        raise Refused(f"Validation failed: Attachments exceeded maximum allowed ({MAX_ATTACHMENTS})")


def require_identity(inbox: Inbox, identifier: str | None, identifier_hash: str | None) -> bool:
    """Check the proof of a contact's identity: the HMAC-SHA256 of its identifier, as lower-case hex digits.

    Returns:
        Whether the identity is proven. False: no proof was sent, and the inbox does not require one.

    Raises:
        NotPermitted: The proof is wrong, or required and missing.
    """
    if not identifier_hash and not inbox.hmac_mandatory:
        return False
    expected = hmac.new(inbox.hmac_token.encode(), (identifier or "").encode(errors="replace"), hashlib.sha256)
    given = (identifier_hash or "").encode(errors="replace")
    if not identifier or not hmac.compare_digest(expected.hexdigest().encode(), given):
        raise NotPermitted(HMAC_FAILED)
    return True
