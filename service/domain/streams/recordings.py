"""Changes of recordings: the name, the description, the moment of the thumbnail, and the deletion.

    change ─▶ one transaction: the details, the event
    delete ─▶ one transaction: the deletion, the event ─▶ the provider deletes the media ─▶ the store notes it

The provider and the store have no common transaction. So a deletion is stored first, and hides the recording. If the media cannot
be deleted then, `sweep` repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from providers.base import Provider, RecordingNotFound
from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.access.ports import EntryStore
from service.domain.access.rules import only_admin_or_organization
from service.domain.conversation.ports import ChannelListener
from service.domain.errors import Forbidden, Invalid, NotFound, Unavailable, provider_errors
from service.domain.events.ports import Transactions
from service.domain.streams.changes import RecordingChanged, RecordingRemoved
from service.domain.streams.place import place
from service.domain.streams.ports import StreamTransaction
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recording_details import ListedRecording, RecordingDetails, RecordingStore, listed

log = structlog.get_logger(__name__)

SWEEP_BATCH = 100
"""Recordings whose media is deleted in one sweep."""

AFTER_THE_END = "The recording is {duration:.1f} seconds long: send a smaller number."


class Recordings:
    """Changes and deletes recordings. Every method may raise Unavailable."""

    def __init__(
        self,
        provider: Provider,
        queries: StreamQueries,
        entries: EntryStore,
        store: RecordingStore,
        transactions: Transactions[StreamTransaction],
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._queries = queries
        self._entries = entries
        self._store = store
        self._transactions = transactions
        self._clock = clock
        self._listeners: list[ChannelListener] = []

    def listen(self, listener: ChannelListener) -> None:
        """Call `listener` from now on, whenever a recording of a channel was changed or deleted."""
        self._listeners.append(listener)

    async def change(
        self, client: Identity, uid: str, values: Mapping[str, Any], session_id: UUID | None
    ) -> ListedRecording:
        """Set `name`, `description`, `thumbnail_time` or `is_pinned`, as in `RecordingDetails`.

        Args:
            client: An admin of the channel, or a token of the organization itself.
            uid: The recording.
            values: The new values by name.
            session_id: The recording's stream session, for the event.

        Raises:
            NotFound: The client may not see the recording.
            Forbidden: The client may not change it.
            Invalid: The moment of the thumbnail is after the end.
        """
        before, channel_id = await self._changeable(client, uid)
        moment = values.get("thumbnail_time")
        if moment is not None and before.duration is not None and moment > before.duration:
            raise Invalid({"thumbnail_time": [AFTER_THE_END.format(duration=before.duration)]})
        if not values:
            return before
        with provider_errors(client.organization.id):
            original = await self._provider.recording(uid)
        async with self._transactions.transaction() as tx:
            where = await place(tx.channels, client.organization.id, channel_id)
            now = self._clock.now()
            stored = (await tx.recordings.recording_details([uid])).get(uid, RecordingDetails(now))
            details = replace(stored, **values, updated_at=now)
            if not await tx.recordings.keep_details(uid, self._provider.name, where, details):
                raise NotFound
            after = listed(original, details)
            tx.record(RecordingChanged(where, after, session_id, tuple(values)))
        self._notify(client.organization.id, channel_id)
        return after

    async def delete(self, client: Identity, uid: str) -> None:
        """Delete a recording and its media, permanently. Arguments and errors as in `change`."""
        _, channel_id = await self._changeable(client, uid)
        await self.remove(client.organization.id, channel_id, uid)

    async def remove(self, organization_id: UUID, channel_id: UUID, uid: str) -> None:
        """Delete a recording of a channel, permanently, without checking access. Raise NotFound if it was deleted before."""
        async with self._transactions.transaction() as tx:
            where = await place(tx.channels, organization_id, channel_id)
            if not await tx.recordings.mark_recording_deleted(uid, self._provider.name, where, self._clock.now()):
                raise NotFound
            tx.record(RecordingRemoved(where, uid))
        self._notify(organization_id, channel_id)
        try:
            await self._delete_media(uid)
        except Unavailable as failure:
            log.warning("media of a deleted recording not deleted yet", recording=uid, reason=str(failure))

    async def sweep(self) -> int:
        """Delete the media of deleted recordings that is still at the provider. Return their number."""
        waiting = await self._store.media_to_delete(self._provider.name, SWEEP_BATCH)
        for uid in waiting:
            await self._delete_media(uid)
        return len(waiting)

    async def _changeable(self, client: Identity, uid: str) -> tuple[ListedRecording, UUID]:
        """Return a recording that the client may change, and its channel. As of its channel: its admins and the organization.

        When the channel has been deleted, it has no admins any more.
        """
        recording, channel_id = await self._queries.recording(client, uid)
        entry = await self._entries.entry(client.organization.id, channel_id, client.user_id)
        if entry is not None:
            only_admin_or_organization(entry, client)
        elif client.user is not None:
            raise Forbidden
        return recording, channel_id

    async def _delete_media(self, uid: str) -> None:
        try:
            with provider_errors():
                await self._provider.delete_recording(uid)
        except RecordingNotFound:
            log.info("media of a deleted recording was deleted before", recording=uid)
        await self._store.note_media_deleted(uid, self._clock.now())

    def _notify(self, organization_id: UUID, channel_id: UUID) -> None:
        for listener in self._listeners:
            listener(organization_id, channel_id)
