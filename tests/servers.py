"""Real servers for tests: PostgreSQL and Redis, started on free loopback ports, stopped with the test session.

Both are context managers; `stop` and `start` again keep the port and the data, for tests about a server that goes away.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import redis

READY_TIMEOUT = 30.0
"""Seconds a server has to answer after its start."""

STOP_TIMEOUT = 10.0
"""Seconds a server has to end before it is killed."""

CLEAR = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
END $$
"""
"""Deletes every row, in any order of the tables (as a replica, PostgreSQL asks for no foreign keys), and keeps the schema."""

POSTGRES_HOME = Path("/usr/lib/postgresql")


LOWEST_PORT, HIGHEST_PORT = 10_000, 32_767
"""Below the ports Linux gives to outgoing connections (net.ipv4.ip_local_port_range): none of those may come in between."""

PORT_SLICES = 16
"""Test processes beside each other that never offer the same port; more than `scripts/test` starts."""

_offered: set[int] = set()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago, and that no other call of this test run gets.

    The port is free until its server starts, so processes of one run (pytest-xdist's gw0, gw1, …) each have a slice of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PORT_SLICES
    while True:
        port = random.randrange(LOWEST_PORT + worker, HIGHEST_PORT, PORT_SLICES)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _offered:
            _offered.add(port)
            return port


def _postgres_program(name: str) -> str:
    """PostgreSQL's own directories hold the newest first; Debian keeps these programs off the PATH."""
    found = sorted(POSTGRES_HOME.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise RuntimeError(f"{name} is missing: install the package postgresql")
    return program


def _stop(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT)


class PostgresServer:
    """A throw-away cluster. PostgreSQL refuses to run as root: then its own user, or `nobody`, runs it."""

    def __init__(self, home: Path, shared_buffers: str = "16MB") -> None:
        self._data = home / "data"
        self._shared_buffers = shared_buffers
        self._log = home / "log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = self._unprivileged_user()
        if self._user is not None:
            shutil.chown(home, self._user)
        self._run(
            "initdb", "-D", str(self._data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
        )

    @staticmethod
    def _unprivileged_user() -> str | None:
        if os.geteuid() != 0:
            return None
        import pwd

        known = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in known else "nobody"

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [_postgres_program(name), *arguments], user=self._user, cwd="/", capture_output=True, timeout=120
        )
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed: {done.stderr.decode(errors='replace')}")

    def start(self) -> None:
        """Serve, on the same port every time; returns when queries are answered."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "100",
            "shared_buffers": self._shared_buffers,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [_postgres_program("postgres"), "-D", str(self._data), "-p", str(self.port), *options],
                user=self._user,
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        probe = [_postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres"]
        deadline = time.monotonic() + READY_TIMEOUT
        while subprocess.run(probe, timeout=10).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Disconnect all clients and end (a fast shutdown); safe to call twice."""
        _stop(self._process, signal.SIGINT)
        self._process = None

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement in a database."""
        self._run(
            "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tester",
            "-d", database, "-c", statement,
        )  # fmt: skip

    def clear(self, url: str) -> None:
        """Start from no rows in the database at `url`, running and without connections, whatever the test before did."""
        if self._process is None:
            self.start()
        self.execute(CLEAR, database=url.rpartition("/")[2])

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL (`postgresql://…`) of a fresh, empty database, which lasts as long as the block."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql://tester@127.0.0.1:{self.port}/{name}"
        finally:
            if self._process is None:
                self.start()
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


class RedisServer:
    """A throw-away Redis without persistence, on a port of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Serve, on the same port every time; returns when commands are answered."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("redis-server is missing: install the package redis-server")
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                cwd=self._home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_TIMEOUT
        with redis.Redis(port=self.port, socket_timeout=1.0) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("Redis did not start") from None
                    time.sleep(0.02)

    def stop(self) -> None:
        """End and forget all data; safe to call twice."""
        _stop(self._process, signal.SIGTERM)
        self._process = None

    def flush(self) -> None:
        """Start from nothing: running and empty, whatever the test before did."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        with redis.Redis(port=self.port, socket_timeout=5.0) as client:
            client.flushall()


Server = TypeVar("Server", PostgresServer, RedisServer)


@contextmanager
def _running(kind: Callable[[Path], Server], name: str) -> Iterator[Server]:
    """Yield a server in a directory of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix=f"conference-{name}-", ignore_cleanup_errors=True) as home:
        server = kind(Path(home))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def postgres_server(shared_buffers: str = "16MB") -> AbstractContextManager[PostgresServer]:
    """Return a context with a running PostgreSQL. `shared_buffers`: enough for tests; the default is 128MB."""
    return _running(lambda home: PostgresServer(home, shared_buffers), "postgres")


def redis_server() -> AbstractContextManager[RedisServer]:
    """Return a context with a running Redis."""
    return _running(RedisServer, "redis")
