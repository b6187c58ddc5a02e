"""Errors of the domain. `service/http/errors.py` alone maps them to HTTP.

::

    DomainError
    ├── Invalid            400  the request breaks a rule, by field
    ├── NotAuthenticated   401  no credentials, or invalid ones
    ├── Forbidden          403  authenticated, but not allowed
    ├── NotFound           404  it does not exist, or not below that parent
    ├── Conflict           409  it conflicts with the current state
    ├── Throttled          429  too many requests from one client
    └── Unavailable        503  the store, Redis or the provider is unavailable

`provider_errors` alone translates a provider's errors into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from providers.base import (
    InputGone,
    InputNotFound,
    OptionRefused,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    RecordingNotFound,
    acting_for,
)

log = structlog.get_logger(__name__)

OUTAGE_RETRY = 5.0
"""The shortest Retry-After, in seconds, while the provider does not answer: outages rarely end sooner."""


class DomainError(Exception):
    """The base of all errors that are not faults of the service."""


class Invalid(DomainError):
    """`fields` maps a field (dots for nesting, "" for the whole) to its messages, as in a 400 of the Pub API."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(", ".join(f"{field}: {' '.join(messages)}" for field, messages in fields.items()))
        self.fields = fields


class NotAuthenticated(DomainError):
    """`detail` says what is wrong with the credentials, and never contains them."""

    def __init__(self, detail: str = "Authentication credentials were not provided.") -> None:
        super().__init__(detail)
        self.detail = detail


class Forbidden(DomainError):
    """The client is not allowed to do this."""


class NotFound(DomainError):
    """It does not exist, or not below that parent."""

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)
        self.detail = detail


class Conflict(DomainError):
    """The request conflicts with the current state."""


class Throttled(DomainError):
    """Too many requests. `retry_after` in seconds. `detail` replaces the standard text."""

    def __init__(self, retry_after: float, detail: str | None = None) -> None:
        super().__init__(detail or f"Request was throttled. Expected available in {retry_after:.0f} seconds.")
        self.retry_after = retry_after


class Unavailable(DomainError):
    """The store, Redis or the provider is unavailable. `retry_after` in seconds."""

    def __init__(self, detail: str, retry_after: float = 5.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


@contextmanager
def provider_errors(organization_id: UUID | None = None) -> Iterator[None]:
    """Translate the provider's errors in the block, except for missing inputs and recordings, whose meaning depends on the call.

    `organization_id`: on whose behalf the provider is called; a provider with a request budget gives each organization its share.
    Other refusals are not caused by the client: to the client, the provider is unavailable.
    """
    before = acting_for.set(None if organization_id is None else str(organization_id))
    try:
        yield
    except ProviderBusy as busy:
        if busy.above_share:
            raise Throttled(busy.retry_after, str(busy)) from busy
        raise Unavailable(str(busy), retry_after=busy.retry_after) from busy
    except OptionRefused as refused:
        raise Invalid({refused.option: [refused.rule]}) from refused
    except ProviderUnavailable as failure:
        raise Unavailable("The stream provider does not answer.", max(OUTAGE_RETRY, failure.retry_after)) from failure
    except (InputNotFound, InputGone, RecordingNotFound):
        raise
    except ProviderError as failure:
        log.warning("provider refused the request", reason=str(failure))
        raise Unavailable("The stream provider refused the request.") from failure
    finally:
        acting_for.reset(before)
