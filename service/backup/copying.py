"""Copies of a database in use and of running broadcasts."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from providers.local.storage.index import INDEX_FILE
from providers.local.storage.recordings import RECORDING_FILE
from service.backup.contents import BackupRefused, regular_files
from service.backup.progress import Progress

PAGES_AT_ONCE = 1_000
"""Pages of the database copied between two updates of the progress."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for a database that another process has locked."""

Copied = Callable[[int], None]
"""Called with the size of each file that was copied."""


def copy_database(source: Path, target: Path, progress: Progress, pages: int = PAGES_AT_ONCE) -> str:
    """Copy a SQLite database as of one moment, also while it is written to. Return its schema revision.

    The copy is one file, with everything that is still in the source's write-ahead log. Errors: BackupRefused.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    address = f"file:{quote(str(source))}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)) as reader,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            reader.execute("BEGIN")  # one snapshot: otherwise each write of the service would start the copy again
            (schema,) = reader.execute("SELECT version_num FROM alembic_version").fetchone()
            size = reader.execute("PRAGMA page_size").fetchone()[0]
            reader.backup(
                copy,
                pages=pages,
                progress=lambda _, left, total: progress.show("database", (total - left) * size, total * size),
            )
            copy.execute("PRAGMA journal_mode = DELETE")
    except (sqlite3.Error, TypeError) as problem:
        raise BackupRefused(f"The database {source} cannot be copied: {problem}.") from problem
    check_database(target)
    return str(schema)


def check_database(file: Path) -> None:
    """Check that the file is a complete database. Errors: BackupRefused."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as problem:
        found = str(problem)
    if found != "ok":
        raise BackupRefused(f"The database {file} is damaged: {found}.")


def copy_file(source: Path, target: Path, copied: Copied = lambda size: None) -> None:
    """Copy a file with its time of modification, for the owner alone. Errors: OSError."""
    shutil.copyfile(source, target)
    target.chmod(0o600)
    found = source.stat()
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    copied(found.st_size)


def copy_tree(source: Path, target: Path, copied: Copied = lambda size: None) -> None:
    """Copy the regular files of a folder and of those below it; files deleted meanwhile are left out. Errors: OSError."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, _ in regular_files(source):
        place = target / file.relative_to(source)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            copy_file(file, place, copied)


def copy_broadcast(source: Path, target: Path, copied: Copied = lambda size: None) -> None:
    """Copy one broadcast, so that the copy can be played or recovered. One that is deleted meanwhile leaves nothing.

    Of a broadcast that still runs the index is copied first: everything it lists is in its file by then. What its files
    hold beyond that is recovered as after a crash, when the service starts on the copy. Errors: OSError.
    """
    finished = (source / RECORDING_FILE).exists()
    target.mkdir(mode=0o700)
    try:
        copy_file(source / INDEX_FILE, target / INDEX_FILE, copied)
        for file in sorted(source.iterdir()):
            if file.name == INDEX_FILE or file.suffix == ".tmp" or not file.is_file():
                continue
            if file.name == RECORDING_FILE and not finished:
                continue  # it describes more than the index that was copied
            with suppress(FileNotFoundError):
                copy_file(file, target / file.name, copied)
        deleted = finished and not (source / RECORDING_FILE).exists()
    except FileNotFoundError:
        deleted = True
    if deleted:
        shutil.rmtree(target)
