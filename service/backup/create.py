"""Creation of a backup while the service runs."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from providers.local.storage.disk import BROKEN
from providers.local.storage.index import UID
from providers.lock import ExclusiveLock
from service import VERSION
from service.backup.contents import (
    ATTACHMENTS,
    DATABASE,
    MANIFEST,
    RECORDINGS,
    SINGLE_FILES,
    TLS,
    BackupRefused,
    Manifest,
    regular_files,
    require_space,
)
from service.backup.copying import copy_broadcast, copy_database, copy_file, copy_tree
from service.backup.progress import Progress
from service.exclusive import sqlite_file
from service.settings import Settings

PARTIAL = ".partial"
"""Appended to the name of the directory until everything is in it."""


def back_up(settings: Settings, directory: Path, *, recordings: bool) -> Manifest:
    """Write a backup to `directory`, which must not exist. Blocking. Errors: BackupRefused, LockHeld, OSError."""
    if os.path.lexists(directory):
        raise BackupRefused(f"{directory} exists: choose a name that is free, because a backup replaces nothing.")
    database = sqlite_file(settings)
    if database is not None and not database.exists():
        raise BackupRefused(
            f"There is no database {database} to back up: set CONFERENCE_DATA_DIR as the service has it."
        )
    partial = directory.with_name(directory.name + PARTIAL)
    partial.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = ExclusiveLock(partial, f"The directory {partial}", "wait for the other backup, or choose another name")
    lock.acquire()
    progress = Progress()
    try:
        _clear(partial)
        require_space(partial, _size(settings, database, recordings=recordings))
        manifest = _write(settings, partial, database, progress, recordings=recordings)
        _clear(partial, keep=True)
        os.sync()
        (partial / MANIFEST).write_text(manifest.encode())
        _sync(partial / MANIFEST)
        partial.rename(directory)
        _sync(directory.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        progress.close()
        lock.release()
    return manifest


def _write(
    settings: Settings, target: Path, database: Path | None, progress: Progress, *, recordings: bool
) -> Manifest:
    created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    schema = "" if database is None else copy_database(database, target / DATABASE, progress)
    if settings.tls_dir.is_dir():
        copy_tree(settings.tls_dir, target / TLS)
    if (settings.data_dir / ATTACHMENTS).is_dir():
        copy_tree(settings.data_dir / ATTACHMENTS, target / ATTACHMENTS)
    for name in SINGLE_FILES:
        if (settings.data_dir / name).is_file():
            copy_file(settings.data_dir / name, target / name)
    if recordings:
        _copy_recordings(settings.data_dir / RECORDINGS, target / RECORDINGS, progress)
    return Manifest(VERSION, created, "postgresql" if database is None else "sqlite", schema, recordings)


def _copy_recordings(source: Path, target: Path, progress: Progress) -> None:
    target.mkdir(mode=0o700)
    folders = sorted(each for each in source.iterdir() if UID.fullmatch(each.name)) if source.is_dir() else []
    progress.begin(sum(size for folder in folders for _, size in regular_files(folder)))
    for number, folder in enumerate(folders, 1):
        what = f"recording {number} of {len(folders)}"
        copy_broadcast(folder, target / folder.name, lambda size, what=what: progress.add(size, what))  # type: ignore[misc]
    if (source / BROKEN).is_dir():
        copy_tree(source / BROKEN, target / BROKEN)


def _size(settings: Settings, database: Path | None, *, recordings: bool) -> int:
    """Return the approximate number of bytes to write."""
    files = [] if database is None else [database, database.with_name(database.name + "-wal")]
    size = sum(file.stat().st_size for file in files if file.exists())
    size += sum(each for _, each in regular_files(settings.data_dir / ATTACHMENTS))
    if recordings:
        size += sum(each for _, each in regular_files(settings.data_dir / RECORDINGS))
    return size


def _clear(partial: Path, *, keep: bool = False) -> None:
    """Remove what an interrupted backup left, or with `keep` only the lock's note."""
    for each in partial.iterdir():
        if each.name == "lock":
            if keep:
                each.unlink()
        elif not keep:
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
