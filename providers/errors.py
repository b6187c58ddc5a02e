"""The errors of the provider port.

::

    ProviderError
    ├── InputNotFound         no such live input (never made, or deleted)
    ├── InputGone             the input made for this request id was deleted: ask again with a new request id
    ├── RecordingNotFound     no such recording
    ├── OptionRefused         the provider does not accept this option (carries the option's name)
    └── ProviderUnavailable   the provider did not answer in time (carries retry_after, seconds)
        └── ProviderBusy      the request was not sent: the limit on requests is reached for now
"""

from __future__ import annotations


class ProviderError(Exception):
    """The base of the port's errors."""


class InputNotFound(ProviderError):
    """No live input has this uid."""


class InputGone(ProviderError):
    """The live input made for this request id has been deleted; a new request id makes a new one."""


class RecordingNotFound(ProviderError):
    """No recording has this uid."""


class OptionRefused(ProviderError):
    """The provider does not accept an option's value."""

    def __init__(self, option: str, rule: str) -> None:
        super().__init__(f"{option}: {rule}")
        self.option = option
        self.rule = rule


class ProviderUnavailable(ProviderError):
    """The provider did not answer; trying again after `retry_after` seconds is sensible."""

    def __init__(self, reason: str, *, retry_after: float = 5.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ProviderBusy(ProviderUnavailable):
    """The provider limits our requests, and this one has to wait. The text is a sentence for API users.

    `above_share`: there is room left, for organizations that have used less of it than the one that asks (`acting_for`).
    `blocked`: it is the provider that refuses every request for now.
    """

    def __init__(self, sentence: str, *, retry_after: float, above_share: bool = False, blocked: bool = False) -> None:
        super().__init__(sentence, retry_after=retry_after)
        self.above_share = above_share
        self.blocked = blocked
