"""`python -m service doctor`: checks what the service depends on and suggests fixes.

Changes nothing, except that it creates the data directory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from service.doctor.certificate import check_certificate
from service.doctor.check_result import CheckResult, Level
from service.doctor.machine import check_disk, check_ffmpeg, check_files, check_ports
from service.doctor.media_store import check_media_store
from service.doctor.provider import check_provider
from service.doctor.stores import check_database, check_redis
from service.settings import Settings

CHECK_TIMEOUT = 45.0
"""Seconds one check may take; ffmpeg on a cold disk is the slowest."""

Check = Callable[[Settings], Awaitable[list[CheckResult]]]

CHECKS: dict[str, Check] = {
    "ffmpeg": check_ffmpeg,
    "redis": check_redis,
    "database": check_database,
    "ports": check_ports,
    "disk": check_disk,
    "files": check_files,
    "certificate": check_certificate,
    "provider": check_provider,
    "media store": check_media_store,
}


async def examine(settings: Settings, checks: Mapping[str, Check] = CHECKS) -> int:
    """Print the report. Return 0 when nothing fails, else 1."""
    failed = False
    for subject, check in checks.items():
        for result in await _bounded(subject, check, settings):
            print(result, flush=True)
            failed = failed or result.level is Level.FAIL
    return 1 if failed else 0


async def _bounded(subject: str, check: Check, settings: Settings) -> list[CheckResult]:
    """Run a check; a failure of the check is a result and does not stop the report."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check(settings)
    except TimeoutError:
        return [CheckResult(Level.FAIL, subject, f"no answer within {CHECK_TIMEOUT:.0f} s")]
    except Exception as error:
        return [CheckResult(Level.FAIL, subject, f"could not be checked: {type(error).__name__}")]
