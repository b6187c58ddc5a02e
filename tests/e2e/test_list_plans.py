"""The lists of a large organization go along indexes: `scripts/bench-lists` says so of every query it makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench-lists"
PATIENCE = 240.0
"""Seconds for filling and asking on a busy machine; nothing is measured with it."""


@pytest.mark.e2e
@pytest.mark.timeout(PATIENCE + 30)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_list_of_a_large_organization_reads_a_table_from_end_to_end(database: str) -> None:
    asked = [sys.executable, str(SCRIPT), "--database", database, "--messages", "50000", "--rounds", "0"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-4000:]
    assert ", 0 of them badly" in done.stderr
