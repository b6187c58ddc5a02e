"""An object store: S3, Google Cloud Storage, Azure Blob Storage, or a folder that several machines share.

`obstore` talks to all of them. It reads credentials, region and endpoint from the environment, as each vendor's own tools do
(`AWS_*`, `GOOGLE_*`, `AZURE_*`), so they never pass through this process's settings. Errors name their kind only: the
library's messages contain addresses, which may be signed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from providers.local.storage.errors import ObjectStoreError

PROBE = "probe/"
"""Where `ObjectStore.probe` writes."""

DELETE_BATCH = 500
"""Objects that one request deletes at most. S3 accepts 1,000."""


@dataclass(frozen=True, slots=True)
class ObjectStoreLimits:
    """Limits of one request, in seconds. Retrying is the client's part: it knows what is urgent."""

    connect: float = 5.0
    request: float = 60.0


class ObjectStore:
    """Objects below one bucket and prefix, or below one folder. Keys are relative, with `/` between their parts."""

    def __init__(self, address: str, limits: ObjectStoreLimits = ObjectStoreLimits()) -> None:
        """Prepare a client. Nothing is requested yet.

        Args:
            address: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or the absolute path of a folder.
            limits: The limits of a request.

        Raises:
            ObjectStoreError: The address or the credentials in the environment cannot be used.
        """
        # Here, because most services have no object store: the import takes memory and start-up time.
        import obstore

        self._library: Any = obstore
        self.address = address
        try:
            with _translated("cannot be used"):
                self._store: Any = _client(address, limits)
        except ObjectStoreError:
            # The library says the same of a wrong address and of a server that fails.
            advice = "check its address and the credentials in the environment"
            raise ObjectStoreError(f"the object store cannot be used: {advice}") from None

    async def put(self, key: str, data: bytes) -> None:
        """Write an object, or replace it. It is stored once this returns. Raises ObjectStoreError."""
        with _translated("does not accept uploads", missing=False):
            await self._library.put_async(self._store, key, data)

    async def get(self, key: str) -> bytes:
        """Return an object. Raises FileNotFoundError, ObjectStoreError."""
        with _translated("cannot be read"):
            found = await self._library.get_async(self._store, key)
            return bytes(await found.bytes_async())

    def read(self, key: str) -> bytes:
        """Return an object. Blocking. Raises FileNotFoundError, ObjectStoreError."""
        with _translated("cannot be read"):
            return bytes(self._library.get(self._store, key).bytes())

    async def objects(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        """Yield keys and sizes of all objects below `prefix`, which ends at a `/`. Raises ObjectStoreError."""
        with _translated("cannot be listed", missing=False):
            async for page in self._library.list(self._store, prefix=prefix.rstrip("/")):
                for each in page:
                    yield str(each["path"]), int(each["size"])

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return keys and sizes of all objects below `prefix`, which ends at a `/`. Blocking. Raises ObjectStoreError."""
        with _translated("cannot be listed", missing=False):
            pages = self._library.list(self._store, prefix=prefix.rstrip("/"))
            return {str(each["path"]): int(each["size"]) for page in pages for each in page}

    async def delete(self, keys: list[str]) -> None:
        """Delete objects; missing ones are no error. Raises ObjectStoreError."""
        for at in range(0, len(keys), DELETE_BATCH):
            batch = keys[at : at + DELETE_BATCH]
            try:
                await self._delete(batch)
            except FileNotFoundError:
                # A folder stops at the first missing file.
                for key in batch:
                    try:
                        await self._delete([key])
                    except FileNotFoundError:
                        continue

    async def _delete(self, keys: list[str]) -> None:
        with _translated("does not delete"):
            await self._library.delete_async(self._store, keys)

    async def delete_below(self, prefix: str) -> None:
        """Delete all objects below `prefix`, which ends at a `/`. Raises ObjectStoreError."""
        await self.delete([key async for key, _ in self.objects(prefix)])

    async def probe(self) -> float:
        """Write, read and delete an object. Return how long it took, in seconds. Raises ObjectStoreError."""
        key, data, began = PROBE + uuid4().hex, uuid4().bytes, time.perf_counter()
        await self.put(key, data)
        try:
            found = await self.get(key)
        except FileNotFoundError:
            raise ObjectStoreError("the object store does not return what was just written") from None
        finally:
            await self.delete([key])
        if found != data:
            raise ObjectStoreError("the object store returns other bytes than were written")
        return time.perf_counter() - began


def _client(address: str, limits: ObjectStoreLimits) -> Any:
    from obstore import store

    if address.startswith("/"):
        return store.LocalStore(prefix=address, mkdir=True, automatic_cleanup=True)
    options: dict[str, Any] = {
        "connect_timeout": f"{limits.connect}s",
        "timeout": f"{limits.request}s",
        "allow_http": True,  # used only if the operator's endpoint says http
    }
    retries = {"max_retries": 0, "retry_timeout": timedelta(seconds=limits.request)}
    from_url: Any = store.from_url  # typed for each vendor apart
    return from_url(address, client_options=options, retry_config=retries)


@contextmanager
def _translated(what: str, *, missing: bool = True) -> Iterator[None]:
    """Translate the library's errors. A missing object is a FileNotFoundError, unless `missing` says that there is no object."""
    from obstore import exceptions

    try:
        yield
    except FileNotFoundError:
        if missing:
            raise FileNotFoundError("no such object") from None
        raise ObjectStoreError(f"the object store {what}: the bucket or folder does not exist") from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        raise ObjectStoreError(f"the object store {what}: access is denied") from None
    except asyncio.CancelledError:
        raise
    except exceptions.GenericError:  # a refused connection, a timeout, an error of the server
        raise ObjectStoreError(f"the object store {what}: it cannot be reached, or fails") from None
    except (exceptions.BaseError, OSError, ValueError) as problem:
        raise ObjectStoreError(f"the object store {what} ({type(problem).__name__})") from None
