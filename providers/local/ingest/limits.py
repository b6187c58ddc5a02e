"""Every limit of the ingest by name, and what it counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from providers.local.rtmp.chunks import ChunkLimits


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """Times in seconds, checked every `sweep_interval`; `bitrate` in bits per second.

    handshake_timeout    from the connection (over TLS: from the end of its handshake) to the end of the RTMP handshake
    tls_handshake_timeout  the same for the TLS handshake
    admit_timeout        for the gate to answer; after that the publish is refused (the ingest fails closed)
    publish_timeout      from the RTMP handshake, or from an unpublish, to the next publish
    idle_timeout         without a byte from a publisher
    linger_timeout       from a refusal until the encoder closes; then the connection is aborted
    stop_timeout         for all connections to end when the ingest stops
    bitrate              of one publisher, on average over `bitrate_window`
    message_rate         the same in messages per second: small ones cost as much as large ones (a usual stream has 110)
    publishers, publishers_per_address   at the same time; of IPv6, a /64 is one address
    pending              connections that do not publish, at the same time; over the limit, the oldest of the network with the most
    summary_interval     between two log lines about connections that ended without a publish
    trim_interval, trim_after   the shortest time between two returns of free memory, and the connections that ended in between
    messages             the most that incomplete messages of one connection may occupy
    """

    handshake_timeout: float = 10.0
    tls_handshake_timeout: float = 10.0
    admit_timeout: float = 2.0
    publish_timeout: float = 10.0
    idle_timeout: float = 30.0
    linger_timeout: float = 2.0
    stop_timeout: float = 5.0
    sweep_interval: float = 0.5
    bitrate: int = 50_000_000
    message_rate: int = 2_000
    bitrate_window: float = 10.0
    publishers: int = 200
    publishers_per_address: int = 100
    pending: int = 512
    summary_interval: float = 60.0
    trim_interval: float = 10.0
    trim_after: int = 500
    messages: ChunkLimits = field(default_factory=ChunkLimits)


@dataclass(slots=True)
class IngestCounters:
    """The ingest's counters since its start.

    `refused` counts by one machine-readable word, never by a stream key. `skipped` counts RTMP messages that were not read.
    """

    connections: int = 0
    publishers: int = 0
    bytes_in: int = 0
    skipped: int = 0
    refused: Counter[str] = field(default_factory=Counter)
