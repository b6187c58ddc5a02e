"""The open drivers that the domain is built on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from providers.base import Provider, Spawn
from service.attachment_files import ATTACHMENTS, DiskAttachmentFiles
from service.clock import Clock, SystemClock
from service.domain.access.guess_limits import GuessLimits
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.conversation.meetings import MeetingSigner
from service.domain.events.ports import EventBus
from service.domain.inboxes.ports import AttachmentFiles
from service.domain.outgoing import Outgoing
from service.domain.streams.recording_retention import KeepLimits
from service.domain.webhooks.limits import DeliveryLimits
from service.http.client_address import Networks
from service.outgoing.client import OutgoingClient, OutgoingPolicy
from service.store import Store


@dataclass(frozen=True, slots=True)
class Ports:
    """The open drivers of the domain. It closes none of them."""

    store: Store
    viewers: ViewerWindow
    provider: Provider
    signer: MeetingSigner
    spawn: Spawn
    bus: EventBus
    clock: Clock = field(default_factory=SystemClock)
    trusted_proxies: Networks = ()
    new_visitors_per_minute: float = 3_000
    """New visitors per address."""
    requests_per_minute: float = math.inf
    """Per client with credentials; also the largest burst."""
    guess_limits: GuessLimits = field(default_factory=GuessLimits)
    outgoing: Outgoing = field(default_factory=lambda: OutgoingClient(OutgoingPolicy()))
    """Calls addresses that clients give."""
    delivery_limits: DeliveryLimits = field(default_factory=DeliveryLimits)
    """Of webhooks."""
    files: AttachmentFiles = field(default_factory=lambda: DiskAttachmentFiles(Path("data", ATTACHMENTS)))
    """Files of the API channel."""
    public_url: str = "http://localhost:8080"
    """Begins addresses in webhooks of the API channel."""
    events_keep_days: int = 7
    """Days for which events stay in the log."""
    recording_limits: KeepLimits = field(default_factory=KeepLimits)
