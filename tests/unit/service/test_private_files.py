"""What lies in the data directory is for the service's user alone, also where the directory was there before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from service import settings
from service.private_files import protect_files

PATIENCE = 60.0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(data: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFERENCE_")}
    environment = {**kept, "CONFERENCE_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "service", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=PATIENCE)


def test_every_file_made_in_a_directory_that_was_there_before_is_its_owners(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    run(data, "prepare")
    run(data, "token", "create", "--org", str(uuid4()), "--user", str(uuid4()))
    modes = {path.relative_to(data).as_posix(): mode(path) for path in data.rglob("*")}
    assert {"conference.db", "tls/ca.key", "tls/server.key"} <= modes.keys()
    assert {name: each for name, each in modes.items() if each & 0o077} == {}


@pytest.mark.parametrize("open_mode", [0o755, 0o710, 0o770])
def test_files_of_an_earlier_version_are_closed_and_an_open_directory_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_mode: int
) -> None:
    monkeypatch.setenv("CONFERENCE_DATA_DIR", str(tmp_path))
    tmp_path.chmod(open_mode)
    (tmp_path / "tls").mkdir()
    secret = [tmp_path / name for name in ("conference.db", "conference.db-wal", "conference.db-shm", "tls/server.key")]
    for file in secret:
        file.touch()
        file.chmod(0o644)
    with capture_logs() as logs:
        protect_files(settings.load())
        protect_files(settings.load())
    assert {mode(file) for file in secret} == {0o600}
    reported = [line for line in logs if line["event"] == "data directory is open to other users"]
    assert [line["mode"] for line in reported] == [f"{open_mode:04o}"] * 2
    assert len([line for line in logs if line["event"] == "file was readable by other users"]) == len(secret)


def test_a_closed_directory_is_not_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_DATA_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    with capture_logs() as logs:
        protect_files(settings.load())
    assert logs == []
