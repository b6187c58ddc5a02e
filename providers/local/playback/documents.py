"""Rendered manifests, kept until what they show has changed: thousands of viewers ask for the same bytes."""

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
    """A manifest as it is sent."""

    body: bytes
    content_type: str

    @cached_property
    def etag(self) -> str:
        """A strong validator, without its quotes."""
        return hashlib.sha256(self.body).hexdigest()[:24]

    @cached_property
    def gzipped(self) -> bytes | None:
        """The body compressed, None when that is not worth it."""
        return gzip.compress(self.body, 5, mtime=0) if len(self.body) >= MIN_GZIP else None


class Documents:
    """The newest rendering of each manifest of each broadcast; gone when the broadcast is."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Broadcast, dict[str, tuple[int, Document]]] = WeakKeyDictionary()
        self._rendering: dict[tuple[Broadcast, str], asyncio.Future[Document]] = {}

    def find(self, broadcast: Broadcast, name: str) -> Document | None:
        """The rendering called `name`, if nothing has changed since."""
        version, document = self._kept.get(broadcast, {}).get(name, (-1, None))
        return document if version == broadcast.version else None

    def render(self, broadcast: Broadcast, name: str, content_type: str, text: Callable[[], str]) -> Document:
        """Keep and return what `text` makes of the broadcast as it is now."""
        version = broadcast.version
        document = Document(text().encode(), content_type)
        self._kept.setdefault(broadcast, {})[name] = (version, document)
        return document

    async def render_aside(
        self, broadcast: Broadcast, name: str, content_type: str, text: Callable[[], str]
    ) -> Document:
        """The same for a finished broadcast, in a thread: a recording of a day has 80,000 lines. Once for all who ask meanwhile."""
        key = (broadcast, name)
        rendering = self._rendering.get(key)
        if rendering is None:

            def render() -> Document:
                document = Document(text().encode(), content_type)
                _ = document.etag, document.gzipped  # these take their time, too
                return document

            rendering = self._rendering[key] = asyncio.get_running_loop().run_in_executor(None, render)
            rendering.add_done_callback(lambda _: self._rendering.pop(key))
        document = await asyncio.shield(rendering)
        self._kept.setdefault(broadcast, {})[name] = (broadcast.version, document)
        return document
