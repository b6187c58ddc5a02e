"""An exclusive lock between real processes: one holds it, however it ends the next one gets it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.lock import NOTE_FILE, ExclusiveLock, LockHeld

HOLD = """
import sys
from pathlib import Path
from providers.lock import ExclusiveLock
lock = ExclusiveLock(Path(sys.argv[1]), "it", "wait")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that holds the lock until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def lock_on(path: Path) -> ExclusiveLock:
    return ExclusiveLock(path, f"The directory {path}", "stop that process first")


@pytest.fixture(params=["directory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path if request.param == "directory" else tmp_path / "database.lock"


def test_the_second_process_gets_the_lock_and_its_holder_in_the_error(path: Path) -> None:
    with another_process(path) as holder:
        with pytest.raises(LockHeld) as refused:
            lock_on(path).acquire()
    error = str(refused.value)
    assert error.startswith(
        f"The directory {path} is in use by process {holder.pid} on host {os.uname().nodename} since 2"
    )
    assert error.endswith("Z: stop that process first.")


def test_a_killed_holder_leaves_nothing_that_blocks_the_next(path: Path) -> None:
    with another_process(path) as holder:
        holder.kill()
        holder.wait()
        lock = lock_on(path)
        lock.acquire()
        lock.release()


def test_the_children_of_a_killed_holder_do_not_keep_the_lock(path: Path) -> None:
    with_child = HOLD + "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", with_child.replace("sys.stdin.read()\n", "", 1), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        lock = lock_on(path)
        try:
            lock.acquire()
        finally:
            os.kill(child, signal.SIGKILL)
        lock.release()


def test_it_is_free_again_after_its_release(path: Path) -> None:
    first, second = lock_on(path), lock_on(path)
    first.acquire()
    with pytest.raises(LockHeld):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_deleting_the_note_of_a_directory_frees_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path):
        (tmp_path / NOTE_FILE).unlink()
        with pytest.raises(LockHeld, match="in use by another process"):
            lock_on(tmp_path).acquire()


def test_a_note_that_says_something_else_does_not_matter(path: Path) -> None:
    (path / NOTE_FILE if path.is_dir() else path).write_text("something else\n" * 100)
    lock = lock_on(path)
    lock.acquire()
    lock.release()


def test_where_directories_cannot_be_locked_the_note_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over NFS, which locks only what is open for writing."""
    flock = fcntl.flock

    def only_files(descriptor: int, operation: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir():
            raise OSError(9, "Bad file descriptor")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", only_files)
    first = lock_on(tmp_path)
    first.acquire()
    with pytest.raises(LockHeld, match=f"in use by process {os.getpid()} on host"):
        lock_on(tmp_path).acquire()
    first.release()
