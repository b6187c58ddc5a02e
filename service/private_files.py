"""File modes of the data directory: signing keys and stream keys are readable by the service's user only."""

from __future__ import annotations

import stat
from pathlib import Path

import structlog

from service.exclusive import sqlite_file
from service.settings import Settings

log = structlog.get_logger(__name__)

OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def protect_files(settings: Settings) -> None:
    """Make the database and private keys unreadable for other users; warn of an open data directory."""
    for file in secret_files(settings):
        try:
            before = stat.S_IMODE(file.stat().st_mode)
            if before & OPEN_TO_OTHERS:
                file.chmod(before & ~OPEN_TO_OTHERS)
                log.warning("file was readable by other users", file=str(file), mode=f"{before:04o}")
        except FileNotFoundError:
            continue
        except OSError as refused:
            log.error("file is readable by other users", file=str(file), problem=refused.strerror)
    if (mode := open_mode(settings.data_dir)) is not None:
        log.warning(
            "data directory is open to other users",
            directory=str(settings.data_dir),
            mode=mode,
            advice=advice(settings),
        )


def secret_files(settings: Settings) -> list[Path]:
    """Return the files that hold secrets, whether or not they exist."""
    files = sorted(settings.tls_dir.glob("*.key"))
    if (database := sqlite_file(settings)) is not None:
        files += [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    return files


def open_mode(directory: Path) -> str | None:
    """Return the mode, such as "0755", of a directory that other users can enter or read; None for a closed one."""
    try:
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError:
        return None
    return f"{mode:04o}" if mode & OPEN_TO_OTHERS else None


def advice(settings: Settings) -> str:
    return f"chmod 700 {settings.data_dir}"
