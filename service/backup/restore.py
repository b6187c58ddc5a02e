"""Restores a backup into an empty data directory, while no service runs on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from providers.local.storage.disk import BROKEN
from providers.local.storage.index import UID
from providers.lock import NOTE_FILE
from service.backup.contents import (
    ATTACHMENTS,
    DATABASE,
    RECORDINGS,
    SINGLE_FILES,
    TLS,
    BackupRefused,
    Manifest,
    regular_files,
    require_space,
)
from service.backup.copying import check_database, copy_file, copy_tree
from service.backup.progress import Progress
from service.exclusive import exclusive_use, sqlite_file
from service.handover import RESTORE_UNFINISHED
from service.settings import Settings
from service.store.migrate import known_revisions


def restore(settings: Settings, backup: Path) -> Manifest:
    """Copy the backup's files to where the service reads them. Blocking. Errors: BackupRefused, LockHeld, OSError."""
    manifest = Manifest.read(backup)
    database = sqlite_file(settings)
    _require_same_kind(manifest, backup, database)
    with exclusive_use(settings):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker = settings.data_dir / RESTORE_UNFINISHED
        if marker.exists():
            _remove(settings, database)
        _require_empty(settings, database)
        _require_space(settings, backup)
        marker.touch(mode=0o600)
        progress = Progress()
        try:
            _copy(settings, backup, database, progress)
        except BaseException:
            _remove(settings, database)
            raise
        finally:
            progress.close()
            marker.unlink()
    return manifest


def _require_same_kind(manifest: Manifest, backup: Path, database: Path | None) -> None:
    kind = "postgresql" if database is None else "sqlite"
    if manifest.database != kind:
        raise BackupRefused(
            f"{backup} belongs to a service on {manifest.database}, and CONFERENCE_DATABASE_URL is {kind}: set it as it was."
        )
    if database is not None and manifest.schema not in known_revisions():
        raise BackupRefused(
            f"{backup} was made by version {manifest.version}, whose schema {manifest.schema} this version does not know: "
            "restore it with that version or a newer one."
        )


def _require_empty(settings: Settings, database: Path | None) -> None:
    ours = {settings.data_dir / NOTE_FILE, settings.data_dir / RESTORE_UNFINISHED}
    if database is not None:
        resolved = database.resolve()
        ours.add(database.parent / f"{resolved.name}.lock")
    linked = [each.resolve() for each in settings.data_dir.iterdir() if each.is_symlink() and each.is_dir()]
    present = [file for folder in (settings.data_dir, *linked) for file, _ in regular_files(folder)]
    present += [file for file in _database_files(database) if file.exists()]
    if found := [file for file in present if file not in ours]:
        raise BackupRefused(
            f"{found[0]} exists. Move the contents of {settings.data_dir} elsewhere first: a restore replaces nothing."
        )


def _require_space(settings: Settings, backup: Path) -> None:
    """Check the free space; the recordings' folder may be on another disk."""
    recordings = sum(size for _, size in regular_files(backup / RECORDINGS))
    rest = sum(size for _, size in regular_files(backup)) - recordings
    target = settings.data_dir / RECORDINGS
    if target.is_dir() and target.stat().st_dev != settings.data_dir.stat().st_dev:
        require_space(target, recordings)
        require_space(settings.data_dir, rest)
    else:
        require_space(settings.data_dir, rest + recordings)


def _copy(settings: Settings, backup: Path, database: Path | None, progress: Progress) -> None:
    progress.begin(sum(size for _, size in regular_files(backup)))
    if (backup / TLS).is_dir():
        copy_tree(backup / TLS, settings.tls_dir, lambda size: progress.add(size, "certificates"))
    if (backup / ATTACHMENTS).is_dir():
        copy_tree(
            backup / ATTACHMENTS, settings.data_dir / ATTACHMENTS, lambda size: progress.add(size, "files of messages")
        )
    if (backup / RECORDINGS).is_dir():
        target = settings.data_dir / RECORDINGS
        copy_tree(backup / RECORDINGS, target, lambda size: progress.add(size, "recordings"))
    for name in SINGLE_FILES:
        if (backup / name).is_file():
            copy_file(backup / name, settings.data_dir / name)
    if database is not None:
        copy_file(backup / DATABASE, database, lambda size: progress.add(size, "database"))
        check_database(database)


def _remove(settings: Settings, database: Path | None) -> None:
    """Remove what an unfinished restore copied; there was nothing else. The recordings' folder may be a mount point."""
    shutil.rmtree(settings.tls_dir, ignore_errors=True)
    shutil.rmtree(settings.data_dir / ATTACHMENTS, ignore_errors=True)
    recordings = settings.data_dir / RECORDINGS
    for folder in recordings.iterdir() if recordings.is_dir() else ():
        if UID.fullmatch(folder.name) or folder.name == BROKEN:
            shutil.rmtree(folder, ignore_errors=True)
    for file in [*(settings.data_dir / name for name in SINGLE_FILES), *_database_files(database)]:
        file.unlink(missing_ok=True)


def _database_files(database: Path | None) -> list[Path]:
    if database is None:
        return []
    return [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
