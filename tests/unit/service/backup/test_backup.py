"""A backup has what the service had at one moment, and a restore gives it back or changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from providers.local.storage.disk import DiskBackend
from providers.local.storage.recordings import RECORDING_FILE
from providers.local.storage.storage import Storage, StorageLimits
from providers.lock import ExclusiveLock, LockHeld
from service.backup import BackupRefused, back_up, copying, restore
from service.backup.progress import Progress
from service.settings import Settings
from tests.simulated_packager import EPOCH, SimulatedPackager, info

RUNNING, FINISHED = "ab" * 16, "cd" * 16


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: str) -> Settings:
    """Of a service with a database, a certificate, a finished recording and one that runs."""
    data = tmp_path / "data"
    for folder in ("tls", "recordings"):
        (data / folder).mkdir(parents=True)
    shutil.copyfile(migrated_sqlite.removeprefix("sqlite:///"), data / "conference.db")
    (data / "tls" / "ca.key").write_text("a key")
    (data / "first-token").write_text("a token")
    (data / "attachments" / "to").mkdir(parents=True)
    (data / "attachments" / "to" / "token").write_text("a file")
    storage = Storage(DiskBackend(data / "recordings", sync=False), StorageLimits(min_free=0))
    for uid in (FINISHED, RUNNING):
        broadcast, packager = storage.begin(info(uid)), SimulatedPackager()
        for event in [event for _ in range(3) for event in packager.segment()]:
            broadcast.write("source", event)
        if uid == FINISHED:
            broadcast.finish(EPOCH + 6)
        else:
            for event in list(packager.segment())[:4]:  # two parts of each track
                broadcast.write("source", event)
    return Settings(data_dir=data)


@dataclass
class Usage:
    """Stands in for `shutil.disk_usage`."""

    free: int


def elsewhere(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "elsewhere")


def rows(database: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(database)) as opened:
        return opened.execute("SELECT name FROM secrets ORDER BY name").fetchall()


def insert(database: sqlite3.Connection, name: str) -> None:
    database.execute("INSERT INTO secrets (name, value, created_at) VALUES (?, 'x', '2026-01-01 00:00:00')", (name,))


def test_what_stands_only_in_the_write_ahead_log_is_in_the_backup(settings: Settings, tmp_path: Path) -> None:
    with closing(sqlite3.connect(settings.data_dir / "conference.db", isolation_level=None)) as service:
        service.execute("PRAGMA journal_mode = WAL")
        service.execute("PRAGMA wal_autocheckpoint = 0")
        insert(service, "newest")
        back_up(settings, tmp_path / "backup", recordings=False)
        insert(service, "later")
    assert rows(tmp_path / "backup" / "conference.db") == [("newest",)]
    assert sorted(each.name for each in (tmp_path / "backup").iterdir()) == [
        "attachments", "backup.json", "conference.db", "first-token", "tls",
    ]  # fmt: skip


def test_writes_meanwhile_neither_wait_nor_end_up_in_half(settings: Settings, tmp_path: Path) -> None:
    with closing(sqlite3.connect(settings.data_dir / "conference.db", isolation_level=None, timeout=0)) as service:
        service.execute("PRAGMA journal_mode = WAL")
        written = iter(range(1_000))

        class WritingProgress(Progress):
            def show(self, *_: object) -> None:
                insert(service, f"meanwhile-{next(written)}")

        copying.copy_database(settings.data_dir / "conference.db", tmp_path / "copy.db", WritingProgress(), pages=1)
    assert next(written) > 10
    assert rows(tmp_path / "copy.db") == []


async def test_a_restored_service_has_all_of_it_and_the_running_broadcast_is_recovered(
    settings: Settings, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "backup", recordings=True)
    target = elsewhere(tmp_path)
    restore(target, tmp_path / "backup")

    data = target.data_dir
    assert (data / "tls" / "ca.key").read_text() == "a key"
    assert (data / "first-token").read_text() == "a token"
    assert (data / "attachments" / "to" / "token").read_text() == "a file"
    assert {path.stat().st_mode & 0o077 for path in data.rglob("*")} == {0}
    storage = Storage(DiskBackend(data / "recordings", sync=False), StorageLimits(min_free=0))
    (recovered,) = storage.recover()
    recording = recovered.finish(EPOCH + 8)
    assert recording is not None and (recording.uid, recording.duration) == (RUNNING, 7.0)
    finished = await storage.open(FINISHED)
    assert finished is not None and [track.seconds for track in finished.tracks.values()] == [6.0, 6.0]


def test_a_broadcast_that_ends_while_it_is_copied_is_recovered_to_the_same_recording(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.data_dir / "recordings" / RUNNING
    copy_file = copying.copy_file

    def copy(source: Path, target: Path, *rest: object) -> None:
        copy_file(source, target)
        if source.name == "index.jsonl":  # the end comes right after the index was copied
            (folder / RECORDING_FILE).write_text(json.dumps({"duration": 3600}))

    monkeypatch.setattr(copying, "copy_file", copy)
    copying.copy_broadcast(folder, tmp_path / RUNNING)
    assert not (tmp_path / RUNNING / RECORDING_FILE).exists()
    (recovered,) = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0)).recover()
    assert recovered.info.uid == RUNNING


def test_a_recording_that_is_deleted_while_it_is_copied_leaves_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.data_dir / "recordings" / FINISHED
    copy_file = copying.copy_file

    def copy(source: Path, target: Path, *rest: object) -> None:
        copy_file(source, target)
        shutil.rmtree(folder, ignore_errors=True)

    monkeypatch.setattr(copying, "copy_file", copy)
    copying.copy_broadcast(folder, tmp_path / FINISHED)
    assert not (tmp_path / FINISHED).exists()


@pytest.mark.parametrize("kind", ["empty directory", "file", "dangling link"])
def test_a_target_that_exists_is_refused(settings: Settings, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "backup"
    if kind == "empty directory":
        target.mkdir()
    elif kind == "file":
        target.touch()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BackupRefused, match="exists"):
        back_up(settings, target, recordings=False)


def test_a_backup_that_fails_leaves_nothing_and_the_next_one_is_not_disturbed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("service.backup.create.copy_tree", fail)
        with pytest.raises(KeyboardInterrupt):
            back_up(settings, tmp_path / "backup", recordings=False)
    assert not [each for each in tmp_path.iterdir() if each.name.startswith("backup")]
    (tmp_path / "backup.partial").mkdir()
    (tmp_path / "backup.partial" / "left-by-a-kill").touch()
    back_up(settings, tmp_path / "backup", recordings=False)
    assert not (tmp_path / "backup" / "left-by-a-kill").exists()


def test_a_disk_with_too_little_space_is_refused_before_anything_is_copied(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free=1 << 20))  # a fact of the machine
    with pytest.raises(BackupRefused, match="Too little space"):
        back_up(settings, tmp_path / "backup", recordings=True)
    assert not (tmp_path / "backup.partial").exists()


def test_without_a_database_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="There is no database"):
        back_up(elsewhere(tmp_path), tmp_path / "backup", recordings=False)


@pytest.mark.parametrize("present", ["conference.db-wal", "recordings/x/index.jsonl", "redis/viewers.rdb", "link"])
def test_a_data_directory_with_anything_in_it_is_left_as_it_is(
    settings: Settings, tmp_path: Path, present: str
) -> None:
    back_up(settings, tmp_path / "backup", recordings=True)
    target = elsewhere(tmp_path)
    target.data_dir.mkdir()
    if present == "link":
        (tmp_path / "another disk").mkdir()
        (target.data_dir / "recordings").symlink_to(tmp_path / "another disk")
        present = "recordings/index.jsonl"
    file = target.data_dir / present
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("precious")
    with pytest.raises(BackupRefused, match="a restore replaces nothing"):
        restore(target, tmp_path / "backup")
    assert file.read_text() == "precious"
    assert not (target.data_dir / "conference.db").exists()


def test_a_directory_that_a_service_uses_is_not_restored_into(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "backup", recordings=False)
    target = elsewhere(tmp_path)
    target.data_dir.mkdir()
    service = ExclusiveLock(target.data_dir, "it", "wait")
    service.acquire()
    with pytest.raises(LockHeld, match=f"process {os.getpid()} "):
        restore(target, tmp_path / "backup")
    service.release()
    restore(target, tmp_path / "backup")


def test_what_is_no_backup_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="not a complete backup"):
        restore(elsewhere(tmp_path), settings.data_dir)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": "9999", "version": "99.0"}, "version 99.0, whose schema 9999 this version does not know"),
        ({"format": 2, "version": "99.0"}, "made by a newer version"),
        ({"database": "postgresql"}, "belongs to a service on postgresql"),
        ({"unknown": 1}, "cannot be read"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(
    settings: Settings, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    back_up(settings, tmp_path / "backup", recordings=False)
    manifest = tmp_path / "backup" / "backup.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(BackupRefused, match=reason):
        restore(elsewhere(tmp_path), tmp_path / "backup")
    assert not (tmp_path / "elsewhere" / "conference.db").exists()


def test_a_restore_that_fails_leaves_nothing_and_one_that_is_killed_can_be_run_again(
    settings: Settings, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "backup", recordings=True)
    target = elsewhere(tmp_path)
    database = tmp_path / "backup" / "conference.db"
    whole = database.read_bytes()
    database.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupRefused, match="damaged"):
        restore(target, tmp_path / "backup")
    assert {each.name for each in target.data_dir.rglob("*")} <= {"lock", "conference.db.lock", "recordings"}

    (target.data_dir / "restore-unfinished").touch()
    (target.data_dir / "tls").mkdir()
    (target.data_dir / "tls" / "ca.key").write_text("half of it")
    database.write_bytes(whole)
    restore(target, tmp_path / "backup")
    assert (target.data_dir / "tls" / "ca.key").read_text() == "a key"
    assert not (target.data_dir / "restore-unfinished").exists()
