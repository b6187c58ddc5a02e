"""The commands `backup` and `restore`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from service.cli.arguments import command
from service.cli.running import FAILURE, begin, say

NICENESS = 10
"""Lower priority than the service: a backup must not slow down the streams."""


def backup_commands(commands: Any) -> None:
    """Add both to `commands`."""
    backup = command(
        commands, "backup", _backup, "copy the database, the certificates and the secrets, also while the service runs"
    )
    backup.add_argument("directory", type=Path, metavar="DIRECTORY", help="a new directory; one that exists is refused")
    backup.add_argument("--recordings", action="store_true", help="copy the recordings as well")
    restoring = command(
        commands, "restore", _restore, "copy a backup into an empty data directory, while no service runs"
    )
    restoring.add_argument("directory", type=Path, metavar="DIRECTORY", help="the backup")


def _backup(asked: argparse.Namespace) -> int:
    given = begin()
    from service.backup import BackupRefused, back_up

    os.nice(NICENESS)
    directory = asked.directory.expanduser().absolute()
    try:
        manifest = back_up(given, directory, recordings=asked.recordings)
    except (BackupRefused, OSError) as problem:
        say(str(problem))
        return FAILURE
    say(f"Backup written to {directory}" + ("." if manifest.recordings else ", without the recordings."))
    if manifest.database == "postgresql":
        say("The database is on PostgreSQL and not in this backup: save it with pg_dump (service/README.md, Backup).")
    return 0


def _restore(asked: argparse.Namespace) -> int:
    given = begin(restoring=True)
    from service.backup import BackupRefused, restore

    directory = asked.directory.expanduser().absolute()
    try:
        manifest = restore(given, directory)
    except (BackupRefused, OSError) as problem:
        say(str(problem))
        return FAILURE
    say(f"Restored into {given.data_dir}: the backup of {manifest.created}, version {manifest.version}.")
    if manifest.database == "postgresql":
        say(
            "The database is on PostgreSQL: restore it with pg_restore before the service starts (service/README.md, Backup)."
        )
    return 0
