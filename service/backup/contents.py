"""Contents of a backup, and the checks on it."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "backup.json"
DATABASE = "conference.db"
TLS = "tls"
RECORDINGS = "recordings"
ATTACHMENTS = "attachments"
"""Files of messages. They belong to the database, so every backup has them."""
SINGLE_FILES = ("first-token",)

FORMAT = 1
"""The newest form of a backup that this version reads."""

SPARE = 512 << 20
"""Bytes that stay free on the target disk: with less the service accepts no new broadcast."""


class BackupRefused(Exception):
    """A backup or restore is not possible. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a backup.

    Attributes:
        version: Of the service that made it.
        created: When, ISO 8601 (UTC).
        database: sqlite or postgresql; the latter is not in the backup.
        schema: The database's schema revision; empty for postgresql.
        recordings: Whether the recordings are in it.
    """

    version: str
    created: str
    database: str
    schema: str
    recordings: bool
    format: int = FORMAT

    def encode(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """Read the manifest. Errors: BackupRefused."""
        try:
            fields = json.loads((directory / MANIFEST).read_text())
            if fields["format"] > FORMAT:
                raise BackupRefused(
                    f"{directory} was made by a newer version ({fields['version']}): restore it with that."
                )
            return cls(**fields)
        except FileNotFoundError:
            raise BackupRefused(f"{directory} is not a complete backup: there is no {MANIFEST} in it.") from None
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise BackupRefused(f"{directory / MANIFEST} cannot be read: {problem}") from problem


def require_space(directory: Path, needed: int) -> None:
    """Check that `needed` bytes and SPARE fit on the disk of `directory`, which exists. Errors: BackupRefused."""
    free = shutil.disk_usage(directory).free
    if free < needed + SPARE:
        raise BackupRefused(
            f"Too little space in {directory}: {free >> 20} MiB free, {(needed + SPARE) >> 20} MiB needed "
            f"({SPARE >> 20} MiB of them stay free)."
        )


def regular_files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Return the regular files below `folder` with their sizes, without links and files deleted meanwhile."""
    for path in sorted(folder.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(found.st_mode):
            yield path, found.st_size
