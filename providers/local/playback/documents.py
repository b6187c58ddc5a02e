"""A cache of rendered manifests, valid until the broadcast changes: many viewers request the same bytes."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from providers.local.storage.broadcast import Broadcast

MIN_GZIP = 512
"""Bytes under which compression saves no packet."""


@dataclass(frozen=True)
class Document:
    """A rendered manifest."""

    body: bytes
    content_type: str

    @cached_property
    def etag(self) -> str:
        """Weak entity tag: it names the plain and the compressed body (RFC 9110 §8.8.3.3)."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:24]}"'

    @cached_property
    def gzipped(self) -> bytes | None:
        """Compressed body; None for a small one."""
        return gzip.compress(self.body, 5, mtime=0) if len(self.body) >= MIN_GZIP else None


class Documents:
    """The newest rendering of each manifest of each broadcast, dropped together with the broadcast."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Broadcast, dict[str, tuple[int, Document]]] = WeakKeyDictionary()
        self._rendering: dict[tuple[Broadcast, str], asyncio.Future[Document]] = {}

    def find(self, broadcast: Broadcast, name: str) -> Document | None:
        """Return the rendering called `name`; None if the broadcast has changed since."""
        version, document = self._kept.get(broadcast, {}).get(name, (-1, None))
        return document if version == broadcast.version else None

    def render(self, broadcast: Broadcast, name: str, content_type: str, text: Callable[[], str]) -> Document:
        """Render with `text`, keep and return the document."""
        version = broadcast.version
        document = Document(text().encode(), content_type)
        self._kept.setdefault(broadcast, {})[name] = (version, document)
        return document

    async def render_aside(
        self, broadcast: Broadcast, name: str, content_type: str, text: Callable[[], str]
    ) -> Document:
        """Render a finished broadcast in a thread: a recording of a day has 80,000 lines. Concurrent requests share one run."""
        key = (broadcast, name)
        rendering = self._rendering.get(key)
        if rendering is None:

            def render() -> Document:
                document = Document(text().encode(), content_type)
                _ = document.etag, document.gzipped  # computed here because they take long, too
                return document

            rendering = self._rendering[key] = asyncio.get_running_loop().run_in_executor(None, render)
            rendering.add_done_callback(lambda _: self._rendering.pop(key))
        document = await asyncio.shield(rendering)
        self._kept.setdefault(broadcast, {})[name] = (broadcast.version, document)
        return document
