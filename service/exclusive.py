"""Exclusive use of the data directory and the SQLite file. Locked before anything is read or migrated.

The local provider locks the directory of its recordings itself, and on PostgreSQL the provider's lock is in the database
(`service/store/provider_lock.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

from providers.base import Spawn
from providers.lock import ExclusiveLock
from service.settings import ProviderName, Settings
from service.store.urls import driver_url

STOP_IT = "stop that process first"


@contextmanager
def exclusive_use(settings: Settings) -> Iterator[None]:
    """Hold the locks of this machine's files. Errors: LockHeld, OSError."""
    with ExitStack() as stack:
        for lock in _locks(settings):
            lock.acquire()
            stack.callback(lock.release)
        yield


async def own_provider(settings: Settings, spawn: Spawn, stack: AsyncExitStack) -> None:
    """Make sure that no other process runs the local provider under this node's name. Errors: LockHeld, Unavailable.

    A SQLite file needs no more than its own lock (`exclusive_use`); on Cloudflare any number of processes may run.
    """
    if settings.provider is not ProviderName.LOCAL or sqlite_file(settings) is not None:
        return
    from service.store.provider_lock import ProviderLock

    lock = ProviderLock(settings.database_url, spawn, node=settings.node_name)
    stack.push_async_callback(lock.aclose)
    await lock.acquire()


def _locks(settings: Settings) -> Iterator[ExclusiveLock]:
    file = sqlite_file(settings)
    if uses_data_directory(settings):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        advice = f"{STOP_IT}, or set CONFERENCE_DATA_DIR to another directory"
        yield ExclusiveLock(settings.data_dir, f"The data directory {settings.data_dir}", advice)
    if file is not None:
        file = file.resolve()  # it may be a link to a file that another service opens by its own name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        advice = f"{STOP_IT}, or use PostgreSQL, which several services can share"
        yield ExclusiveLock(file.with_name(file.name + ".lock"), f"The database {file}", advice)


def uses_data_directory(settings: Settings) -> bool:
    """Return whether the service stores anything there: not on Cloudflare with PostgreSQL and an external Redis."""
    return settings.provider is ProviderName.LOCAL or settings.redis_url is None or sqlite_file(settings) is not None


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of the SQLite database; None on PostgreSQL."""
    where = driver_url(settings.database_url)
    return Path(where.database) if where.get_backend_name() == "sqlite" and where.database else None
