"""The store of the API channel: all its records in one transaction."""

from __future__ import annotations

from service.store.inboxes.conversations import StoredConversations
from service.store.inboxes.deliveries import StoredDeliveries
from service.store.inboxes.messages import StoredInboxMessages
from service.store.inboxes.people import StoredPeople
from service.store.inboxes.sources import StoredSources


class StoredInboxes(StoredPeople, StoredSources, StoredConversations, StoredInboxMessages, StoredDeliveries):
    """Implements `domain.inboxes.ports.InboxRecords`."""
