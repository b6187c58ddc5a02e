"""Configuration of the Cloudflare provider: addresses, credentials and limits."""

from __future__ import annotations

from dataclasses import dataclass, field

BASE_URL = "https://api.cloudflare.com/client/v4"
RTMPS_URL = "rtmps://live.cloudflare.com:443/live/"
"""Where every input's encoder pushes (Cloudflare's API), unless an answer says otherwise."""

API_TIMEOUT = 10.0
"""Seconds one API request may take in all."""

ACTION_TIMEOUT = 15.0
"""Seconds a user's action may take at most, all attempts together."""

DELIVERY_TIMEOUT = 3.0
"""Seconds one request to the delivery host may take in all."""

CONNECT_TIMEOUT = 3.0
"""Seconds a connection may take to come up."""

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of one answer; a list of 1,000 videos is about 1.5 MB."""

LIST_PAGE = 100
"""Videos that one request of a list returns at most."""

MAX_ATTEMPTS = 3
"""Times an idempotent request is sent."""

MAX_BACKOFF = 2.0
"""Seconds between attempts at most; if more is needed, the client is asked to retry later."""

STOP_TIMEOUT = 5.0
"""Seconds `aclose` takes at most."""


@dataclass(frozen=True, slots=True)
class CloudflareConfig:
    """`customer_url` is https://customer-<CODE>.cloudflarestream.com; None: learned from the first answer that shows it.

    `live_webhook_secret` is what the notification destination sends in cf-webhook-auth; None refuses those webhooks.
    `video_webhook_secret` signs the Stream webhook; None: asked of the API, which knows it.
    """

    account_id: str
    api_token: str = field(repr=False)
    base_url: str = BASE_URL
    customer_url: str | None = None
    live_webhook_secret: str | None = field(default=None, repr=False)
    video_webhook_secret: str | None = field(default=None, repr=False)
    api_timeout: float = API_TIMEOUT
    action_timeout: float = ACTION_TIMEOUT
    delivery_timeout: float = DELIVERY_TIMEOUT
    list_page: int = LIST_PAGE
