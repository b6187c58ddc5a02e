"""Errors of the API channel, whose contract has forms of its own for them (`service/api/inboxes/contract.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.errors import DomainError


class RecordInvalid(DomainError):
    """Fields break rules. `problems` are pairs of an attribute and a sentence about it."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(", ".join(sentence for _, sentence in problems))
        self.attributes = list(dict.fromkeys(attribute for attribute, _ in problems))


class Refused(DomainError):
    """The request is understood and refused, with a reason."""


class NotPermitted(DomainError):
    """The credentials are valid, but not for this account, this inbox or this operation."""


class OnlyApiInboxes(DomainError):
    """The operation exists for inboxes of the API channel only."""


NO_ACCESS = "You are not authorized to do this action"
OTHER_ACCOUNT = "You are not authorized to access this account"
NOT_FOR_BOTS = "Access to this endpoint is not authorized for bots"
HMAC_FAILED = "HMAC failed: Invalid Identifier Hash Provided"
SOURCE_TAKEN = "source_id should be unique"
ONLY_INCOMING_IN_API = "Incoming messages are only allowed in Api inboxes"
STATUS_ONLY_IN_API = "Message status update is only allowed for API inboxes"
"""Sentences of the contract, which clients may compare."""
