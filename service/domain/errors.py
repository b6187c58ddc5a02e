"""What can go wrong, in the product's terms; `service/http/errors.py` turns it into HTTP, in one place.

::

    DomainError
    ├── Invalid            400  what was sent breaks a rule, by field
    ├── NotAuthenticated   401  nobody, or a token nobody issued
    ├── Forbidden          403  somebody, but not allowed
    ├── NotFound           404  it is not there, or not below that parent
    ├── Conflict           409  it clashes with what is there
    ├── Throttled          429  too much from one place
    └── Unavailable        503  the store, Redis or the provider is away
"""

from __future__ import annotations


class DomainError(Exception):
    """Anything the product refuses."""


class Invalid(DomainError):
    """`fields` maps a field (dots for nesting, "" for the whole) to its messages, as a 400 of the Pub API shows them."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(", ".join(f"{field}: {' '.join(messages)}" for field, messages in fields.items()))
        self.fields = fields


class NotAuthenticated(DomainError):
    """`detail` says what is wrong with the credentials, never what they were."""

    def __init__(self, detail: str = "Authentication credentials were not provided.") -> None:
        super().__init__(detail)
        self.detail = detail


class Forbidden(DomainError):
    """The caller may not do this."""


class NotFound(DomainError):
    """There is no such thing below that parent."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)
        self.detail = detail


class Conflict(DomainError):
    """The request clashes with the state of things."""


class Throttled(DomainError):
    """Too many requests; `retry_after` in seconds. `detail` says more than that, where there is more to say."""

    def __init__(self, retry_after: float, detail: str | None = None) -> None:
        super().__init__(detail or f"Request was throttled. Expected available in {retry_after:.0f} seconds.")
        self.retry_after = retry_after


class Unavailable(DomainError):
    """Something the service stands on is away; `retry_after` in seconds."""

    def __init__(self, detail: str, retry_after: float = 5.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
