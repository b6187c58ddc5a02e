"""Preparation before the service starts: migrate the database and make the certificate.

`serve` runs this in a separate process (`python -m service prepare`): its libraries (alembic, cryptography) take
20 MiB, which the service would hold while it runs. At most starts nothing has to be done, and no process is started.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from providers.local.tls.context import CertificateFiles
from service import VERSION
from service.concurrency.tasks import Tasks
from service.exclusive import exclusive_use, own_provider
from service.handover import LOCKS_HELD
from service.settings import ProviderName, Settings
from service.store.database import Database
from service.store.schema import has_newest_schema

PREPARE_TIMEOUT = 300.0
"""Seconds a preparation may take: a migration of a large database is slow."""


NOTE = "prepared.json"
"""A file beside the local certificate that says what it was made for and when it is due for renewal."""


class PreparationFailed(Exception):
    """The preparation failed. The reason is on stderr; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the preparation ended with {code}")
        self.code = code


async def prepare(settings: Settings, *, locks_held: bool = False) -> None:
    """Migrate, and make or renew the local certificate. Errors: LockHeld, Unavailable, SchemaTooNew, OSError.

    Args:
        locks_held: Whether the parent process holds the locks of `service/exclusive.py`.
    """
    from service.store.migrate import migrate

    await (migrate(settings.database_url) if locks_held else migrate_alone(settings))
    if settings.provider is ProviderName.LOCAL and settings.tls_cert is None:
        from providers.local.tls.authority import RENEW_BEFORE, describe, ensure_local_certificate

        names = certificate_names(settings)
        files = await asyncio.to_thread(ensure_local_certificate, settings.tls_dir, names)
        renew_from = describe(files.certificate).expires - RENEW_BEFORE
        note = {"version": VERSION, "names": names, "renew_from": renew_from.isoformat()}
        (settings.tls_dir / NOTE).write_text(json.dumps(note))


async def is_prepared(settings: Settings, database: Database) -> bool:
    """Return whether `prepare` would change nothing. Fast: encoders wait meanwhile."""
    if not await has_newest_schema(database):
        return False
    if settings.provider is not ProviderName.LOCAL or settings.tls_cert is not None:
        return True
    files = certificate_files(settings)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
        note = json.loads((settings.tls_dir / NOTE).read_text())
        made_for = (note["version"], note["names"])
        valid = datetime.now(UTC) < datetime.fromisoformat(note["renew_from"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return valid and made_for == (VERSION, certificate_names(settings))


def certificate_names(settings: Settings) -> list[str]:
    """Return the host names and addresses of the local certificate."""
    own = (settings.rtmp_public_host().strip("[]"), socket.gethostname())
    return list(dict.fromkeys(("localhost", "127.0.0.1", "::1", *own)))


async def migrate_alone(settings: Settings) -> None:
    """Migrate, but never under a service that runs on the old schema. Errors: LockHeld, Unavailable, SchemaTooNew.

    If nothing has to be migrated, no lock is taken, so that commands can run beside the service.
    """
    from service.store.migrate import is_current, migrate

    if await is_current(settings.database_url):
        return
    tasks = Tasks()
    async with AsyncExitStack() as stack:
        stack.enter_context(exclusive_use(settings))
        stack.push_async_callback(tasks.aclose)
        await own_provider(settings, tasks.spawn, stack)
        await migrate(settings.database_url)


async def prepare_elsewhere() -> None:
    """Prepare in a separate process with the same environment; this one holds the locks. Errors: PreparationFailed."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "service", "prepare", LOCKS_HELD)
    try:
        async with asyncio.timeout(PREPARE_TIMEOUT):
            code = await process.wait()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if code:
        raise PreparationFailed(code)


def certificate_files(settings: Settings) -> CertificateFiles:
    """Return the operator's certificate, else the one `prepare` makes."""
    if settings.tls_cert and settings.tls_key:
        return CertificateFiles(settings.tls_cert, settings.tls_key)
    directory = settings.tls_dir
    return CertificateFiles(directory / "server.pem", directory / "server.key", directory / "ca.pem")
