"""uvloop with sendfile(2). uvloop itself does not implement `loop.sendfile`, so aiohttp would read and copy every file."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import IO, Any, cast

from service.concurrency.timers import PatientLoop

CHECK_EVERY = 1.0
"""Seconds between checks whether the connection was closed while its client does not read."""


class SendfileLoop(PatientLoop):
    """uvloop with `asyncio.loop.sendfile` for connections without TLS."""

    async def sendfile(
        self,
        transport: asyncio.BaseTransport,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """Send `count` bytes of the file after what was written to the transport. Return how many were sent.

        Raises:
            NotImplementedError: The connection has TLS, whose bytes the kernel does not know. aiohttp then reads the file.
            ConnectionError: The connection was closed.
        """
        if transport.get_extra_info("sslcontext") is not None:
            raise NotImplementedError("TLS")
        transport = cast(asyncio.WriteTransport, transport)  # uvloop's are none by name
        end = offset + (os.fstat(file.fileno()).st_size - offset if count is None else count)
        # Duplicates: the loop refuses to watch a descriptor that a transport uses, and both may be closed while a thread sends.
        descriptor, source = os.dup(transport.get_extra_info("socket").fileno()), os.dup(file.fileno())
        step: asyncio.Future[int] | None = None
        try:
            while transport.get_write_buffer_size():
                await self._writable(transport, descriptor)
            sent = offset
            while sent < end:
                try:
                    # In a thread: the file may have to be read from disk. The socket does not block.
                    sending: Any = self.run_in_executor(None, os.sendfile, descriptor, source, sent, end - sent)
                    step = sending
                    if not (size := await asyncio.shield(sending)):
                        break  # the file was cut
                    sent += size
                except BlockingIOError:
                    await self._writable(transport, descriptor)
            return sent - offset
        finally:
            if step is None or step.done():
                _close(descriptor, source)
            else:
                step.add_done_callback(lambda _: _close(descriptor, source))

    async def _writable(self, transport: asyncio.WriteTransport, descriptor: int) -> None:
        """Wait until the socket has room, and the transport has had the chance to write what it holds."""
        ready = asyncio.Event()
        self.add_writer(descriptor, ready.set)
        try:
            while not ready.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_EVERY):
                        await ready.wait()
                if transport.is_closing():
                    raise ConnectionResetError("The connection was closed.")
        finally:
            self.remove_writer(descriptor)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
