"""The one translation of a provider's errors into the product's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from providers.base import (
    InputGone,
    InputNotFound,
    OptionRefused,
    ProviderError,
    ProviderUnavailable,
    RecordingNotFound,
)
from service.domain.errors import Invalid, Unavailable

log = structlog.get_logger(__name__)


@contextmanager
def provider_errors() -> Iterator[None]:
    """Around calls of a provider. What is missing is not translated here: it is handled where it means something.

    Any other refusal of the provider's is none of the caller's doing: for the caller it is away.
    """
    try:
        yield
    except OptionRefused as refused:
        raise Invalid({refused.option: [refused.rule]}) from refused
    except ProviderUnavailable as away:
        raise Unavailable("The stream provider is not available.", retry_after=away.retry_after) from away
    except (InputNotFound, InputGone, RecordingNotFound):
        raise
    except ProviderError as failure:
        log.warning("the provider refused", reason=str(failure))
        raise Unavailable("The stream provider refused the request.") from failure
