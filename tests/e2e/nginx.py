"""The nginx of service/README.md, in front of a service."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import ROOT
from tests.servers import free_port
from tests.waiting import PATIENCE


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Nginx:
    """The documented configuration on a free port, without TLS."""

    def __init__(self, directory: Path, upstream: int) -> None:
        self.port = free_port()
        found = re.search(
            r"^```nginx\n(.*?)^```",
            (ROOT / "service" / "README.md").read_text(encoding="utf-8"),
            re.DOTALL | re.MULTILINE,
        )
        assert found is not None
        site = re.sub(r"listen 443 ssl http2;", f"listen 127.0.0.1:{self.port};", found[1])
        site = re.sub(r"^\s*ssl_certificate .*$", "", site, flags=re.MULTILINE)
        site = site.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}").replace(
            "/var/cache/nginx/live", str(directory / "cache")
        )
        self._file = directory / "nginx.conf"
        places = "".join(
            f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root; " if os.geteuid() == 0 else ""  # its workers must reach the test's folder
        self._file.write_text(
            f"{user}daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;"
            f"events {{}} http {{ access_log off; {places}\n{site} }}"
        )
        self._process = subprocess.Popen(["nginx", "-e", f"{directory}/error.log", "-c", str(self._file)])

    @property
    def pid(self) -> int:
        """The master process, whose children serve."""
        return self._process.pid

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.msg, response.read())
        finally:
            connection.close()

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self.ask("GET", "/healthz")
                return
            except OSError:
                assert self._process.poll() is None, "nginx ended"
                time.sleep(0.05)
        raise TimeoutError

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
