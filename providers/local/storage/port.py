"""The storage's port: files of broadcasts, on a disk, in memory or in an object store.

`tests/contract/test_storage.py` runs on every implementation. A file has a plain name inside its broadcast. It grows by
appending until it is sealed, and never changes afterwards. Reading blocks: call it in a thread. Appending, sealing and
syncing are cheap, and the event loop calls them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, Protocol

from aiohttp import web


class OpenFile(Protocol):
    """A file that still grows. What was appended can be read at once, and survives the end of the process."""

    @property
    def size(self) -> int:
        """Bytes in the file."""

    def append(self, data: bytes) -> None:
        """Append all of `data`, or nothing of it.

        Args:
            data: The bytes; an `OpenFile` does not keep them.

        Raises:
            StorageError: The data was not written; the file is as it was before.
        """

    def sync(self) -> None:
        """Make what was appended durable, in the background. `BroadcastFiles.check` raises a failure."""

    def seal(self) -> None:
        """Make the file durable in the background, and append nothing more. Calling it again has no effect."""

    def close(self) -> None:
        """Append nothing more, without waiting for or asking for durability. Calling it again has no effect."""


class BroadcastFiles(Protocol):
    """The files of one broadcast."""

    def create(self, name: str) -> OpenFile:
        """Begin a file; one of the same name is emptied.

        Args:
            name: A plain file name, without a directory.

        Returns:
            The file, at its beginning. The client seals or closes it.

        Raises:
            StorageError: The file cannot be created.
        """

    def reopen(self, name: str) -> OpenFile:
        """Continue a file at its end. It is created if there is none.

        Args:
            name: The file's name.

        Returns:
            The file. Its `size` is that of what is there.

        Raises:
            StorageError: The file cannot be opened.
        """

    def replace(self, name: str, data: bytes) -> None:
        """Write a small file in one step: readers find the old contents or the new ones, never a part.

        It is made durable in the background. A power failure before that may leave an empty file.

        Args:
            name: The file's name; it is created if there is none.
            data: The new contents.

        Raises:
            StorageError: The old contents are still in place.
        """

    def truncate(self, name: str, size: int) -> None:
        """Cut a file.

        Args:
            name: The file's name.
            size: Bytes from its beginning that stay.

        Raises:
            OSError: The file is missing, or cannot be cut.
        """

    def delete(self, name: str) -> None:
        """Remove a file; a missing one is no error.

        Args:
            name: The file's name.

        Raises:
            OSError: The file is still there.
        """

    def delete_all(self) -> None:
        """Remove the broadcast with all its files, as far as possible."""

    def names(self) -> list[str]:
        """Return the names of all files, including those that are not sealed.

        Returns:
            The names, sorted.

        Raises:
            OSError: The broadcast is missing, or cannot be read.
        """

    def size(self, name: str) -> int | None:
        """Return a file's size.

        Args:
            name: The file's name.

        Returns:
            Bytes; None if there is no such file.

        Raises:
            OSError: The storage fails.
        """

    def modified(self) -> float:
        """Return when a file of the broadcast was last written.

        Returns:
            Seconds since the Unix epoch.

        Raises:
            OSError: The broadcast is missing or has no files, or the storage fails.
        """

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Return a range of a file's bytes.

        Args:
            name: The file's name.
            start: The first byte.
            end: The byte after the last; None reads to the end. A range that exceeds the file is cut.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The storage fails.
        """

    async def load(self, name: str) -> bytes:
        """Return a file's bytes without blocking the event loop.

        Args:
            name: The file's name.

        Returns:
            The whole file.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The storage fails.
        """

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading at several places.

        Args:
            name: The file's name.

        Returns:
            The file, which can be seeked and is at its beginning. The client closes it.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The storage fails.
        """

    async def public_base(self) -> str | None:
        """Return the URL, with a trailing slash, below which all files are public under their names.

        Returns:
            None while they are not all there, or are not public: address them at this service.
        """

    def sendfile(self, name: str, headers: Mapping[str, str]) -> web.StreamResponse | None:
        """Return a response that sends a file without passing its bytes through this process.

        Args:
            name: The file's name.
            headers: Headers of the response. The response itself adds length, validators and byte ranges.

        Returns:
            None when this storage cannot: `read` the file instead.
        """

    def check(self) -> None:
        """Raise the failure of an earlier write in the background, once.

        Raises:
            StorageError: Something that was sealed or synced may not be durable.
        """


class StorageBackend(Protocol):
    """All broadcasts of a storage, by uid (32 lower-case hex digits)."""

    def create(self, uid: str) -> BroadcastFiles:
        """Begin a broadcast without files.

        Args:
            uid: The uid of a new broadcast.

        Returns:
            Its files.

        Raises:
            StorageError: There is one with this uid, or it cannot be created.
        """

    def open(self, uid: str) -> BroadcastFiles:
        """Return the files of a broadcast. It is not checked whether there is one: reading raises FileNotFoundError."""

    def fetch(self, uid: str) -> bool:
        """Make a recording readable that has no files here, if it is elsewhere. Blocking.

        Returns:
            Whether it can be opened now.

        Raises:
            OSError: It may be elsewhere, but cannot be fetched now.
            StorageError: It cannot be written.
        """

    def list(self) -> list[str]:
        """Return the uids of all broadcasts.

        Returns:
            The uids, sorted.

        Raises:
            OSError: The storage fails.
        """

    def delete(self, uid: str) -> None:
        """Remove a broadcast; a missing one is no error. Blocking.

        Raises:
            StorageError: It is still listed.
        """

    def set_aside(self, uid: str) -> None:
        """Remove an unreadable broadcast from the list, and keep its files for the operator.

        Raises:
            OSError: It is still listed.
        """

    def shortage(self) -> str:
        """Return what besides the disk causes a lack of space.

        Returns:
            A part of a sentence for people; "" if nothing does.
        """

    def free_space(self) -> int:
        """Return how much may still be written.

        Returns:
            Bytes.

        Raises:
            OSError: The storage fails.
        """

    def close(self) -> None:
        """Wait for background writes. Blocking."""
