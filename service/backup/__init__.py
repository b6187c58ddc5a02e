"""Backup and restore of what the service keeps in files: `python -m service backup|restore DIRECTORY`.

    DIRECTORY/backup.json     what it is; written last, so a directory without it is no backup
              conference.db   the SQLite database, with the signing keys in it (on PostgreSQL: pg_dump, see service/README.md)
              tls/            the local certificate authority and the certificates made with it
              first-token     the API token that `scripts/run` made
              recordings/     by option; one folder a broadcast, as in the data directory

Redis is not in it: it holds the viewers of the last two minutes.
"""

from service.backup.contents import BackupRefused
from service.backup.create import back_up
from service.backup.restore import restore

__all__ = ["BackupRefused", "back_up", "restore"]
