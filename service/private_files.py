"""The data directory holds signing keys and stream keys: its files are for the service's user alone."""

from __future__ import annotations

import stat
from pathlib import Path

import structlog

from service.exclusive import sqlite_file
from service.settings import Settings

log = structlog.get_logger(__name__)

OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def protect_files(settings: Settings) -> None:
    """Take the database and the private keys that are there from other users; warn of an open data directory."""
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
    """The files that hold secrets, whether or not they exist."""
    files = sorted(settings.tls_dir.glob("*.key"))
    if (database := sqlite_file(settings)) is not None:
        files += [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    return files


def open_mode(directory: Path) -> str | None:
    """The mode of a directory that users other than its owner can enter or read, such as "0755"; None for a closed one."""
    try:
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError:
        return None
    return f"{mode:04o}" if mode & OPEN_TO_OTHERS else None


def advice(settings: Settings) -> str:
    return f"chmod 700 {settings.data_dir}"
