"""Pictures of contacts, which are kept like the files of messages."""

from __future__ import annotations

from service.clock import Clock
from service.domain.errors import NotFound
from service.domain.inboxes.entities import Attachment
from service.domain.inboxes.errors import RecordInvalid
from service.domain.inboxes.files import NewFile, file_type, kept, stored_rows
from service.domain.inboxes.ports import AttachmentFiles, InboxStore


class Pictures:
    """Keeps pictures, and finds any file by its token. Both may raise Unavailable."""

    def __init__(self, store: InboxStore, files: AttachmentFiles, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._clock = clock

    async def keep(self, account_id: int, picture: NewFile) -> str:
        """Store a picture and return its token. Raise RecordInvalid if it is no picture."""
        if file_type(picture.content_type) != "image":
            raise RecordInvalid([("avatar", "Avatar filetype not supported")])
        async with kept(self._files, [picture]), self._store.transaction() as tx:
            await tx.inboxes.add_attachments(stored_rows([picture], account_id, None, self._clock.now()))
        return picture.token

    async def find(self, token: str) -> Attachment:
        """Return the file with this token. Raise NotFound if there is none."""
        async with self._store.reading_inboxes() as records:
            found = await records.attachment(token)
        if found is None:
            raise NotFound
        return found
