"""The whole service as its own process."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]

START_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0


class Server:
    """`python -m service serve` on free ports, with its data under `directory`; settings as CONFERENCE_<name>=value.

    Everything waits without an event loop, so that one server may do for all tests of a module.
    """

    def __init__(self, directory: Path, **settings: str) -> None:
        self.data = directory / "data"
        self.log = directory / "service.log"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CONFERENCE_")}
        self.environment |= {
            "CONFERENCE_HTTP_PORT": str(self.port),
            "CONFERENCE_RTMP_PORT": str(free_port()),
            "CONFERENCE_RTMPS_PORT": str(free_port()),
            "CONFERENCE_DATA_DIR": str(self.data),
            "CONFERENCE_DATABASE_URL": f"sqlite:///{self.data}/conference.db",
            "PYTHONUNBUFFERED": "1",
        }
        self.environment |= {f"CONFERENCE_{name.upper()}": value for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def database_url(self) -> str:
        return self.environment["CONFERENCE_DATABASE_URL"]

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "service", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._ready():
            self.assert_running()
            assert time.monotonic() < deadline, f"not ready within {START_TIMEOUT} s:\n{self._last_words()}"
            time.sleep(0.05)

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            with connection.getresponse() as answer:
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def assert_running(self) -> None:
        """Assert that the service has not ended by itself."""
        assert self.process is not None
        assert self.process.poll() is None, f"the service died:\n{self._last_words()}"

    def stop(self) -> int:
        """Ask it to stop; its exit code. Errors: subprocess.TimeoutExpired."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_TIMEOUT)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Stop it if it runs, also when it is frozen."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
