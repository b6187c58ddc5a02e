"""Check of the object store: whether it accepts, returns and deletes an object."""

from __future__ import annotations

import asyncio

from service.doctor.check_result import ANSWER_TIMEOUT, CheckResult, Level
from service.settings import Settings

ADVICE = (
    "Check CONFERENCE_MEDIA_STORE, the credentials in AWS_*, GOOGLE_* or AZURE_* variables, "
    "and that they may read, write, list and delete"
)


async def check_media_store(settings: Settings) -> list[CheckResult]:
    if settings.media_store is None:
        return []
    from providers.local.storage.errors import ObjectStoreError
    from providers.local.storage.objects import ObjectStore

    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            seconds = await ObjectStore(settings.media_store).probe()
    except TimeoutError:
        return [CheckResult(Level.FAIL, "media store", f"no answer within {ANSWER_TIMEOUT:.0f} s", ADVICE)]
    except ObjectStoreError as problem:
        return [CheckResult(Level.FAIL, "media store", str(problem), ADVICE)]
    seen = f"{settings.media_store} wrote, returned and deleted an object in {seconds * 1000:.0f} ms"
    return [CheckResult(Level.OK, "media store", seen)]
