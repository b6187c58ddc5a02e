"""The store as one thing to open, check and close; each part implements a port."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.store.accounts import StoredAccounts
from service.store.channels import StoredChannels
from service.store.database import Database
from service.store.direct import StoredDirects
from service.store.directory import StoredDirectory
from service.store.live_inputs import StoredClaims
from service.store.local_inputs import StoredInputs
from service.store.members import StoredMembers
from service.store.messages import StoredMessages
from service.store.presence import StoredPresence
from service.store.purge import StoredPurge
from service.store.sessions import StoredSessions


class Store:
    """All stores of the service. Needs a database with the newest schema (`migrate`)."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.accounts = StoredAccounts(self.database)
        self.channels = StoredChannels(self.database)
        self.claims = StoredClaims(self.database)
        self.directory = StoredDirectory(self.database)
        self.members = StoredMembers(self.database)
        self.directs = StoredDirects(self.database)
        self.messages = StoredMessages(self.database)
        self.local_inputs = StoredInputs(self.database)
        self.sessions = StoredSessions(self.database)
        self.presence = StoredPresence(self.database)
        self.purge = StoredPurge(self.database)

    async def check(self) -> None:
        """Return if the database answers, for the readiness probe. Raise `domain.errors.Unavailable` if not."""

        async def query(connection: AsyncConnection) -> None:
            await connection.execute(text("SELECT 1"))

        await self.database.read(query)

    async def aclose(self) -> None:
        """Close all connections. Safe to call twice."""
        await self.database.aclose()
