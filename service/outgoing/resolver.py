"""Resolves host names on threads of its own.

A name whose server does not answer occupies a thread for many seconds. On the default executor it would delay the service's own
files and names; here it delays only other lookups, and no process waits for it at its end.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

MAX_LOOKUPS = 32
"""Lookups at the same time, each on a thread. Others wait."""


class ThreadResolver(AbstractResolver):
    """Asks the system's resolver (getaddrinfo)."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raise OSError if there are none."""
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Any]] = loop.create_future()
        threading.Thread(target=self._look_up, args=(loop, done, host, port, family), daemon=True).start()
        found = await done
        return [_result(host, *each) for each in found]

    async def close(self) -> None:
        """Do nothing: lookups that still run end by themselves."""

    def _look_up(
        self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[list[Any]], host: str, port: int, family: int
    ) -> None:
        found: list[Any] | OSError
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as failed:
            found = failed if isinstance(failed, OSError) else OSError("not a host name")
        with suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(self._finish, done, found)

    def _finish(self, done: asyncio.Future[list[Any]], found: list[Any] | OSError) -> None:
        self._turns.release()
        if done.done():  # cancelled
            return
        if isinstance(found, OSError):
            done.set_exception(found)
        else:
            done.set_result(found)


def _result(host: str, family: int, _type: int, proto: int, _name: str, where: tuple[Any, ...]) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(where[0]),
        port=int(where[1]),
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
