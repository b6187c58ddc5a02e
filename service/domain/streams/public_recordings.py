"""Recordings that visitors may watch: those of public channels. Knowing the uid and the organization's id gives access."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from service.domain.access.ports import AccountStore
from service.domain.conversation.ports import ChannelStore
from service.domain.entities import Channel
from service.domain.errors import NotFound
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recording_details import ListedRecording


@dataclass(frozen=True, slots=True)
class PublicRecording:
    """A recording and its channel."""

    recording: ListedRecording
    channel: Channel


class PublicRecordings:
    """Finds recordings of public channels."""

    def __init__(self, accounts: AccountStore, channels: ChannelStore, queries: StreamQueries) -> None:
        self._accounts = accounts
        self._channels = channels
        self._queries = queries

    async def of(self, organization_id: UUID, uid: str) -> PublicRecording:
        """Return a recording.

        Raises:
            NotFound: The organization has no such recording, or its channel is private or deleted.
            Unavailable: The store or the provider does not answer.
        """
        # First: the provider is asked on behalf of the organization, whose share of its limit a stranger must not choose.
        if await self._accounts.organization(organization_id) is None:
            raise NotFound
        recording, channel_id = await self._queries.visible_recording(organization_id, None, uid)
        channel = await self._channels.channel(organization_id, channel_id)
        if channel is None or channel.is_private:
            raise NotFound
        return PublicRecording(recording, channel)
