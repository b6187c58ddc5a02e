"""The limits of the real-time API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Counts, sizes in bytes, and times in seconds."""

    max_sockets: int = 4_000
    """Open sockets of this process. Over the limit, a new one gets 503."""
    max_per_address: int = 400
    """Open sockets of an address (IPv6: a /64), enough for a school. Over the limit, a new one gets 429."""
    max_subscriptions: int = 100
    """Subscriptions of a socket."""
    max_message: int = 8 * 1024
    """Size of a client's message. A larger one closes the socket (1009)."""
    ping_every: float = 20.0
    """Interval of pings. A socket that does not answer one within half of it is closed."""
    position_every: float = 20.0
    """Interval of position messages."""
    max_unsent: int = 256 * 1024
    """Size of what waits to be sent to a client. Over the limit, the socket is cut off; the client resumes with `since`."""
    first_subscription: float = 30.0
    """Time in which a socket must make its first subscription."""
    request_burst: float = 2_000
    """Requests of an address at once. Over the limit, answers are delayed."""
    requests_per_second: float = 100
    """Requests of an address, on the average."""
    max_addresses: int = 20_000
    """Addresses whose requests are counted."""
    max_faults: int = 20
    """Messages that are not understood, until the socket is closed (1008)."""
    recheck_every: float = 3.0
    """Interval at which credentials are checked again, as long as HTTP remembers them."""
    replay_page: int = 200
    """Events read at once for a replay."""
    max_audiences: int = 256
    """Private channels of an organization whose members are remembered."""
    retry_after: float = 30.0
    """Delay before a refused client may retry."""
    close_timeout: float = 3.0
    """Time for sockets to close when the service stops."""
