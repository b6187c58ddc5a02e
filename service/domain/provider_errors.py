"""Translates a provider's errors into the domain's, in one place."""

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
from service.domain.errors import Invalid, Throttled, Unavailable

log = structlog.get_logger(__name__)

OUTAGE_RETRY = 5.0
"""The shortest Retry-After, in seconds, while the provider does not answer: outages rarely end sooner."""


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
