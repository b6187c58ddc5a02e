"""Names by which one process of the service leaves something to another. Imports nothing, so that commands start fast."""

from __future__ import annotations

LOCKS_HELD = "--locks-held"
"""The option with which `serve` starts `prepare`: it holds the locks itself."""

RESTORE_UNFINISHED = "restore-unfinished"
"""A file in the data directory for as long as a restore runs: nothing else must start on half of the data."""
