"""Files of the API channel in the data directory. Their names there are their tokens, which the service has chosen."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import structlog

from service.domain.errors import Unavailable

log = structlog.get_logger(__name__)

ATTACHMENTS = "attachments"
"""The folder in the data directory."""

SPARE = 512 << 20
"""Bytes that stay free on the disk: with less, no file is accepted."""

FULL = "There is no space for files. Try again later."


class DiskAttachmentFiles:
    """Implements `domain.inboxes.ports.AttachmentFiles`. The directory is created at the first use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def keep(self, token: str, content: BinaryIO) -> None:
        try:
            await asyncio.to_thread(self._write, self.path(token), content)
        except OSError as failed:
            log.warning("file not stored", reason=type(failed).__name__)
            raise Unavailable(FULL) from failed

    async def remove(self, token: str) -> None:
        with suppress(OSError):
            await asyncio.to_thread(self.path(token).unlink, missing_ok=True)

    def path(self, token: str) -> Path:
        return self._directory / token[:2] / token

    def _write(self, path: Path, content: BinaryIO) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < SPARE:
            raise OSError("the disk is nearly full")
        content.seek(0)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as target:
                shutil.copyfileobj(content, target)
                target.flush()
                os.fsync(target.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
