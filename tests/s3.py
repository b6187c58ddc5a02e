"""An S3 server for tests: moto's, over HTTP. It can be stopped and started again with its objects."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

from tests.servers import free_port

SECRET = "a-key-that-no-log-may-show"

BUCKET = "media"


class S3Server:
    """A server with the bucket BUCKET, empty after `clear`."""

    def __init__(self) -> None:
        self._port = free_port()
        self._origin = f"http://127.0.0.1:{self._port}"
        self.start()
        self.clear()

    @property
    def environment(self) -> dict[str, str]:
        """What a client of this server has in its environment."""
        return {
            "AWS_ENDPOINT_URL": self._origin,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Listen."""
        from moto.server import ThreadedMotoServer  # takes a second

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Refuse connections. The objects stay."""
        self._server.stop()

    def clear(self) -> None:
        """Remove all objects."""
        for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{BUCKET}")):
            urlopen(Request(self._origin + path, method=method)).close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server."""
    server = S3Server()
    try:
        yield server
    finally:
        server.stop()
