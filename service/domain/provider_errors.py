"""The one translation of a provider's errors into the product's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from providers.base import OptionRefused, ProviderUnavailable
from service.domain.errors import Invalid, Unavailable


@contextmanager
def provider_errors() -> Iterator[None]:
    """Around calls of a provider. A missing input is not translated here: it is handled where it means something."""
    try:
        yield
    except OptionRefused as refused:
        raise Invalid({refused.option: [refused.rule]}) from refused
    except ProviderUnavailable as away:
        raise Unavailable("The stream provider is not available.", retry_after=away.retry_after) from away
